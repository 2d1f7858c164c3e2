<?php

declare(strict_types=1);

namespace Allotment;

use Allotment\Configuration\ConfigurationSource;
use Allotment\Configuration\FileStore;
use Allotment\Configuration\Psr6Store;
use Allotment\Configuration\Store;
use Allotment\Delivery\Delivery;
use Allotment\Http\SocketTransport;
use Allotment\Http\Transport;
use Psr\Cache\CacheItemPoolInterface;
use Psr\Log\LoggerInterface;

/**
 * Enrolls a site's visitors and sends their events: one client a process, one visitor a request.
 *
 * No request waits for the network: it works with the configuration that the cache has, and events
 * are sent, and the configuration renewed, after its answer has gone out.
 */
final class Client
{
    private const SHORTEST_KEY = 16;

    public readonly string $domain;
    public readonly string $browserIntakeUrl;
    public readonly ConfigurationSource $configuration;
    public readonly Delivery $delivery;
    private readonly Log $log;
    private bool $watching = false;
    /** @var array<string, int> */
    private array $refused = [];

    /**
     * @param string $registryUrl where the configuration comes from, such as `http://127.0.0.1:8000`
     * @param string $intakeUrl where events go, such as `http://127.0.0.1:8192/v1/events`
     * @param string $site this site's name (`mediawiki.database` of its events; selects its rates)
     * @param Store|CacheItemPoolInterface|string $cache where the last good configuration is kept
     *   between requests: a file's path, a PSR-6 cache, or a store of your own
     * @param ?string $domain the host name in events' `meta.domain`; the site's name if not given
     * @param ?LoggerInterface $logger is told, once each, what is wrong
     * @param ?Transport $transport how to speak HTTP; plain sockets if not given
     * @param float $refreshSeconds how often the registry is asked, by all processes together
     * @param float $timeout seconds that an answer of the registry may take
     * @param float $deliveryTimeout seconds that an answer of the intake may take
     * @param float $deliverySeconds how long the delivery of one request's events may take in all
     * @param ?string $browserIntakeUrl where browsers send events, if they reach the intake elsewhere
     * @param int $queueCapacity events that may wait; further ones are dropped and counted
     * @param bool $compress send events gzipped
     * @param ?string $subjectKey a secret of 16 bytes or more: subject ids are then keyed hashes, which
     *   nobody computes from a list of subjects without it. Groups stay the same. Null: plain hashes
     * @param bool $afterResponse send and renew by itself when the request ends. False: call `finish`
     * @throws \InvalidArgumentException an address is none, or the key is too short
     */
    public function __construct(
        string $registryUrl,
        string $intakeUrl,
        public readonly string $site,
        Store|CacheItemPoolInterface|string $cache,
        ?string $domain = null,
        ?LoggerInterface $logger = null,
        ?Transport $transport = null,
        float $refreshSeconds = 5.0,
        float $timeout = 1.0,
        float $deliveryTimeout = 2.0,
        float $deliverySeconds = 5.0,
        ?string $browserIntakeUrl = null,
        int $queueCapacity = 1_000,
        bool $compress = false,
        #[\SensitiveParameter] private readonly ?string $subjectKey = null,
        private readonly bool $afterResponse = true,
    ) {
        if ($subjectKey !== null && strlen($subjectKey) < self::SHORTEST_KEY) {
            // An empty one is a setting that went missing: plain ids would hide that.
            throw new \InvalidArgumentException(
                'subjectKey has ' . strlen($subjectKey) . ' bytes; give a secret of at least ' . self::SHORTEST_KEY
                . ", such as php -r 'echo bin2hex(random_bytes(32));' prints, or null for subject ids without a key"
            );
        }
        $this->domain = $domain ?? $site;
        $this->browserIntakeUrl = $browserIntakeUrl ?? $intakeUrl;
        $this->log = new Log($logger);
        $transport ??= new SocketTransport();
        $store = match (true) {
            is_string($cache) => new FileStore($cache),
            $cache instanceof Store => $cache,
            default => new Psr6Store($cache),
        };
        $this->configuration = new ConfigurationSource(
            $registryUrl,
            $site,
            $store,
            $transport,
            $this->log,
            $refreshSeconds,
            $timeout
        );
        $this->delivery = new Delivery(
            $intakeUrl,
            $transport,
            $this->log,
            $queueCapacity,
            $deliveryTimeout,
            $deliverySeconds,
            $compress
        );
    }

    /**
     * One visitor of the site, for the length of one request. Never waits, never throws.
     *
     * @param string|int|null $userId the account's id, null for a reader who is not logged in
     * @param ?string $browserId the random id in the browser's first-party cookie
     * @param ?string $sessionId 20 lower-case hex digits
     * @param array<array-key, string> $overrides forced groups by experiment name
     *   (`Overrides::inQuery` reads `?mpo=`)
     * @param array<array-key, mixed> $context contextual attributes, such as
     *   `['page' => ['id' => 7, 'title' => 'Leek']]`
     * @param array<array-key, string> $edge groups that the edge gave (`EdgeEnrollments::parse`)
     */
    public function visitor(
        string|int|null $userId = null,
        ?string $browserId = null,
        ?string $sessionId = null,
        array $overrides = [],
        array $context = [],
        array $edge = [],
    ): Visitor {
        $this->watch();
        $identity = new Identity($userId === null ? null : (string) $userId, $browserId, $sessionId);
        return new Visitor($this, $this->configuration->current(), $identity, $overrides, $context, $edge);
    }

    /**
     * Sends what waits, and renews the configuration if it is time; the visitor's answer goes out first.
     *
     * Happens by itself when a request ends. Programs that serve many requests (workers of FrankenPHP,
     * RoadRunner, Swoole; queues) call it after each.
     */
    public function finish(): void
    {
        $this->guarded(function (): void {
            $refresh = $this->configuration->claimRefresh();
            if ($refresh || $this->delivery->pending() > 0) {
                AfterResponse::letGo();
                $this->delivery->flush();
            }
            if ($refresh) {
                $this->configuration->refresh();
            }
        }, null);
    }

    /**
     * Events that were not handed over, by reason.
     *
     * `unknown_stream`, `unknown_experiment`, `unknown_instrument`, `no_action`, `no_schema` and
     * `failed` are mistakes; `not_sampled` and `not_enrolled` are what the configuration asked for,
     * and `already_exposed` is no loss.
     *
     * @return array<string, int>
     */
    public function refused(): array
    {
        return $this->refused;
    }

    /**
     * How the client does, for a health page: age and version of what it holds, counters of this
     * process.
     *
     * @return array<string, mixed>
     */
    public function describe(): array
    {
        return [
            'configuration' => [
                'version' => $this->configuration->version(),
                'age_seconds' => $this->configuration->ageSeconds(),
                'problems' => $this->configuration->problems(),
            ],
            'delivery' => $this->delivery->counts()->toArray(),
            'refused' => $this->refused,
            'subject_ids' => $this->subjectKey === null ? 'plain' : 'keyed',
        ];
    }

    /** @internal */
    public function subjectKey(): ?string
    {
        return $this->subjectKey;
    }

    /**
     * What a dump of this object shows: not the key.
     *
     * @return array<string, mixed>
     */
    public function __debugInfo(): array
    {
        return ['site' => $this->site, ...$this->describe()];
    }

    /**
     * Counts an event that is not sent, and says a mistake once in the log; always false.
     *
     * @internal
     */
    public function refuse(string $reason, string $text = ''): bool
    {
        $this->refused[$reason] = ($this->refused[$reason] ?? 0) + 1;
        if ($text !== '') {
            $this->warn("event not sent: $text");
        }
        return false;
    }

    /** @internal */
    public function warn(string $text): void
    {
        $this->log->warn($text);
    }

    /**
     * Does something that must not break the page.
     *
     * @internal
     * @template T
     * @param \Closure(): T $work
     * @param T $otherwise
     * @return T
     */
    public function guarded(\Closure $work, mixed $otherwise): mixed
    {
        try {
            return $work();
        } catch (\Throwable $error) {
            $this->refuse('failed');
            $this->warn('failed, and the page goes on: ' . get_class($error) . ": {$error->getMessage()}");
            return $otherwise;
        }
    }

    private function watch(): void
    {
        if ($this->afterResponse && !$this->watching) {
            $this->watching = true;
            AfterResponse::run($this->finish(...));
        }
    }
}
