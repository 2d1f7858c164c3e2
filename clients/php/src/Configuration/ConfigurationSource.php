<?php

declare(strict_types=1);

namespace Allotment\Configuration;

use Allotment\Http\Address;
use Allotment\Http\Answer;
use Allotment\Http\Transport;
use Allotment\Json;
use Allotment\Log;
use Allotment\Version;

/**
 * The last good configuration of a registry, its age, its version and what was wrong.
 *
 * No request waits for the network: it works with what the store has, and after its answer one
 * process of all asks the registry anew. Stale beats empty: an answer that cannot be used changes
 * nothing, and an empty one is believed only when the registry signs it with a configuration version
 * that is not older than the one held.
 */
final class ConfigurationSource
{
    public const VERSION_HEADER = 'x-allotment-config-version';
    public const LEFT_OUT_HEADER = 'x-allotment-left-out-names';
    private const FORMAT = 1;

    /** @var array<string, Held> by document */
    private array $held = [];
    /** @var array<string, array{string, Parsed}> by document: a body and what it says */
    private array $parsed = [];
    /** @var array<string, string> */
    private array $faults = [];
    private ?string $copy = null;
    private ?Configuration $configuration = null;
    private float $readAt = -INF;
    private readonly string $base;

    /**
     * @param float $refreshSeconds how often the registry is asked
     * @param float $timeout seconds that one answer may take
     * @throws \InvalidArgumentException the address is none
     */
    public function __construct(
        string $registryUrl,
        private readonly string $site,
        private readonly Store $store,
        private readonly Transport $transport,
        private readonly Log $log = new Log(),
        private readonly float $refreshSeconds = 5.0,
        private readonly float $timeout = 1.0,
    ) {
        Address::of($registryUrl);
        $this->base = rtrim($registryUrl, '/');
    }

    /** The configuration held now; empty before there ever was one. Never asks the registry. */
    public function current(): Configuration
    {
        if ($this->now() - $this->readAt > $this->refreshSeconds) {
            $this->readStore();
        }
        return $this->configuration ??= $this->configurationOf($this->held);
    }

    /**
     * Seconds since the registry last gave or confirmed the oldest part of what is held.
     *
     * Null before every part has been had once.
     */
    public function ageSeconds(): ?float
    {
        $this->current();
        if (count($this->held) < count(Document::cases())) {
            return null;
        }
        $times = array_map(static fn (Held $held): float => $held->confirmedAt, $this->held);
        return max(0.0, microtime(true) - min($times));
    }

    /** The registry's configuration version; of parts with different ones, the lowest. */
    public function version(): ?int
    {
        $this->current();
        $versions = array_filter(
            array_map(static fn (Held $held): ?int => $held->version, $this->held),
            static fn (?int $version): bool => $version !== null
        );
        return $versions === [] ? null : min($versions);
    }

    /**
     * What is wrong now: parts that could not be renewed, items that could not be read.
     *
     * @return list<string>
     */
    public function problems(): array
    {
        $this->current();
        $problems = [];
        foreach (Document::cases() as $kind) {
            $problems = [...$problems, ...$this->parsed($kind, $this->held)->problems];
        }
        return [...array_values($this->faults), ...$problems];
    }

    /** Whether it is time to ask, and this process is the one of all to do it. */
    public function claimRefresh(): bool
    {
        $age = $this->ageSeconds();
        if ($age !== null && $age < $this->refreshSeconds) {
            return false;
        }
        try {
            return $this->store->claim($this->refreshSeconds);
        } catch (StoreProblem $problem) {
            $this->fault('cache', $problem->getMessage());
            return false;
        }
    }

    /** Asks for every document once, now: for a cron job or a deployment, and after an answer. */
    public function refresh(): void
    {
        $this->readStore();
        $held = $this->held;
        foreach (Document::cases() as $kind) {
            try {
                $held[$kind->value] = $this->ask($kind, $held[$kind->value] ?? null);
                unset($this->faults[$kind->value]);
            } catch (\Throwable $problem) {
                // Not only a `TransportProblem` or an `UnusableAnswer`: a transport of the site's own
                // may throw anything, and the other documents are still to be asked for.
                $this->fault($kind->value, $problem->getMessage());
            }
        }
        $this->hold($held);
        $this->writeStore();
    }

    private function ask(Document $kind, ?Held $held): Held
    {
        $headers = ['Accept' => 'application/json', 'User-Agent' => Version::USER_AGENT];
        if ($held !== null && $held->etag !== '') {
            $headers['If-None-Match'] = $held->etag;
        }
        $answer = $this->transport->send('GET', $this->base . $kind->path($this->site), $headers, '', $this->timeout);
        $version = self::versionOf($answer);
        if ($answer->status === 304 && $held !== null) {
            return new Held($held->body, $held->etag, $version ?? $held->version, microtime(true));
        }
        if ($answer->status !== 200) {
            throw new UnusableAnswer("$kind->value: the registry answered with status $answer->status");
        }
        $body = $answer->body;
        if ($held !== null && isset($answer->headers[self::LEFT_OUT_HEADER])) {
            $body = DocumentReader::withKept($kind, $body, $held->body, self::leftOut($answer));
        }
        $parsed = DocumentReader::read($kind, $body);
        if ($held !== null && $parsed->items === [] && $this->parsed($kind, $this->held)->items !== []) {
            self::believeEmpty($kind, $version, $held->version);
        }
        return new Held($body, $answer->headers['etag'] ?? '', $version, microtime(true));
    }

    private static function believeEmpty(Document $kind, ?int $version, ?int $held): void
    {
        if ($version === null) {
            $header = self::VERSION_HEADER;
            throw new UnusableAnswer("$kind->value: the answer is empty and has no $header header; kept the last one");
        }
        if ($held !== null && $version < $held) {
            throw new UnusableAnswer(
                "$kind->value: the answer is empty and of version $version, older than $held; kept the last one"
            );
        }
    }

    /** @param array<string, Held> $held by document */
    private function parsed(Document $kind, array $held): Parsed
    {
        $body = ($held[$kind->value] ?? null)?->body;
        if ($body === null) {
            return new Parsed();
        }
        [$known, $parsed] = $this->parsed[$kind->value] ?? [null, null];
        if ($known !== $body || $parsed === null) {
            try {
                $parsed = DocumentReader::read($kind, $body);
            } catch (UnusableAnswer $problem) {
                $this->fault('cache', "the copy that was kept cannot be used: {$problem->getMessage()}");
                $parsed = new Parsed();
            }
            $this->parsed[$kind->value] = [$body, $parsed];
            foreach ($parsed->problems as $text) {
                $this->log->warn($text);
            }
        }
        return $parsed;
    }

    /**
     * What a request sees until its end, whatever is renewed meanwhile.
     *
     * @param array<string, Held> $held by document
     */
    private function configurationOf(array $held): Configuration
    {
        return new Configuration(fn (Document $kind): Parsed => $this->parsed($kind, $held));
    }

    /** @param array<string, Held> $held by document */
    private function hold(array $held): void
    {
        foreach (Document::cases() as $kind) {
            if (($held[$kind->value] ?? null)?->body !== ($this->held[$kind->value] ?? null)?->body) {
                $this->configuration = null;
            }
        }
        $this->held = $held;
    }

    private function readStore(): void
    {
        $this->readAt = $this->now();
        try {
            $copy = $this->store->read();
            if ($copy === null || $copy === $this->copy) {
                return;
            }
            $stored = Json::decode($copy);
            if (($stored->format ?? null) !== self::FORMAT || ($stored->site ?? null) !== $this->site) {
                return;
            }
            $held = [];
            foreach (Document::cases() as $kind) {
                if (isset($stored->held->{$kind->value})) {
                    $held[$kind->value] = Held::of($stored->held->{$kind->value});
                }
            }
            $this->faults = array_filter((array) ($stored->faults ?? []), 'is_string');
            $this->copy = $copy;
            $this->hold($held);
        } catch (StoreProblem $problem) {
            $this->fault('cache', $problem->getMessage());
        } catch (\JsonException | \UnexpectedValueException $error) {
            $this->fault('cache', "the copy that was kept cannot be read: {$error->getMessage()}");
        }
    }

    private function writeStore(): void
    {
        $faults = $this->faults;
        unset($faults['cache']);
        try {
            $copy = Json::encode([
                'format' => self::FORMAT,
                'site' => $this->site,
                'held' => (object) array_map(static fn (Held $held): array => $held->toStored(), $this->held),
                'faults' => (object) $faults,
            ]);
            $this->store->write($copy);
            $this->copy = $copy;
            $this->faults = $faults;
        } catch (StoreProblem | \JsonException $problem) {
            $this->fault('cache', $problem->getMessage());
        }
    }

    private function fault(string $key, string $text): void
    {
        $this->faults[$key] = $text;
        $this->log->warn("configuration kept as it was: $text");
    }

    private function now(): float
    {
        return hrtime(true) / 1e9;
    }

    private static function versionOf(Answer $answer): ?int
    {
        $text = $answer->headers[self::VERSION_HEADER] ?? '';
        return preg_match('/^\d{1,18}$/D', $text) === 1 ? (int) $text : null;
    }

    /** @return list<string>|null the items that a fault keeps out of an answer; null: too many to name */
    private static function leftOut(Answer $answer): ?array
    {
        $text = $answer->headers[self::LEFT_OUT_HEADER];
        return $text === '*' ? null : array_map('rawurldecode', explode(',', $text));
    }
}
