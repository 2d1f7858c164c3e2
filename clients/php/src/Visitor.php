<?php

declare(strict_types=1);

namespace Allotment;

use Allotment\Allocation\Law;
use Allotment\Configuration\Configuration;
use Allotment\Configuration\StreamSettings;

/**
 * One visitor during one request: the experiments they are in, and the events about what they do.
 *
 * Made by `Client::visitor`. The configuration is the one held when the visitor was made, so that a
 * request sees one truth. Nothing of it throws: what cannot be done is counted by the client.
 */
final class Visitor
{
    public readonly string $pageviewId;
    /** @var array<array-key, array<array-key, mixed>> what contextual attributes can be filled from */
    public readonly array $context;
    private ?Membership $membership = null;
    /** @var array<string, int> */
    private array $steps = [];
    /** @var array<string, true> */
    private array $exposed = [];

    /**
     * @internal `Client::visitor` makes them
     * @param array<array-key, string> $overrides
     * @param array<array-key, mixed> $context
     * @param array<array-key, string> $edge
     */
    public function __construct(
        private readonly Client $client,
        public readonly Configuration $configuration,
        public readonly Identity $identity,
        private readonly array $overrides,
        array $context,
        private readonly array $edge,
    ) {
        $this->pageviewId = bin2hex(random_bytes(10));
        $performer = ['is_logged_in' => $identity->userId !== null, 'pageview_id' => $this->pageviewId];
        if ($identity->sessionId !== null) {
            $performer['session_id'] = $identity->sessionId;
        }
        $own = ['performer' => $performer, 'mediawiki' => ['database' => $client->site]];
        $given = [];
        foreach ($context as $group => $members) {
            if (is_array($members) || $members instanceof \stdClass) {
                $given[$group] = (array) $members;
            } else {
                $client->warn("the context's '$group' is " . Json::show($members) . '; give an array of attributes');
            }
        }
        $this->context = Events::merged($own, $given);
    }

    /** The experiments that this visitor is in. Evaluated at the first look. */
    public function membership(): Membership
    {
        return $this->membership ??= $this->client->guarded(
            fn (): Membership => Enrollment::of(
                $this->configuration->experiments(),
                $this->identity,
                $this->client->site,
                new \DateTimeImmutable(),
                $this->overrides,
                Events::flat($this->context),
                $this->edge,
                $this->client->subjectKey(),
            ),
            new Membership()
        );
    }

    /** Whether anybody has looked at the membership: what is answered may depend on it. */
    public function wasEvaluated(): bool
    {
        return $this->membership !== null;
    }

    /**
     * The membership as a page's script sees it, for `json_encode`: `Membership::toPage`.
     *
     * @return array<string, list<string>|\stdClass>
     */
    public function getCurrentUserExperiments(): array
    {
        return $this->membership()->toPage();
    }

    /** The visitor's group in an experiment; null where it is not enrolled. */
    public function getExperimentBucketValue(string $name): ?string
    {
        return $this->membership()->group($name);
    }

    /** An experiment by its name; one that is unknown has no group and sends nothing. */
    public function getExperiment(string $name): ExperimentHandle
    {
        return new ExperimentHandle($this, $name);
    }

    /**
     * The experiments that the visitor is in and whose names begin so.
     *
     * @return list<ExperimentHandle>
     */
    public function getExperimentsByPrefix(string $prefix): array
    {
        $found = [];
        // PHP makes whole numbers of keys such as `7`.
        foreach (array_map('strval', array_keys($this->membership()->assigned)) as $name) {
            if (str_starts_with($name, $prefix)) {
                $found[] = $this->getExperiment($name);
            }
        }
        return $found;
    }

    /** An instrument by its name; one that is unknown is out of sample and sends nothing. */
    public function getInstrument(string $name): InstrumentHandle
    {
        return new InstrumentHandle($this, $name);
    }

    /**
     * Sends an event about something that the visitor did.
     *
     * The event carries the membership, and the contextual attributes that the stream asks for.
     *
     * @param string $stream a configured stream, or the name of an instrument's pseudo-stream
     * @param string $schema the event's `$schema`, such as `/analytics/product_metrics/web/base/1.3.0`
     * @param string $action what was done, such as `click`
     * @param array<array-key, mixed> $data further fields of the event
     * @param ?\DateTimeInterface $at when it was done; now if not given
     * @return bool whether the event is on its way. False: the stream is not configured, the visitor
     *   is not in its sample, the action is empty, or the queue is full; `Client::refused` counts which
     */
    public function submitInteraction(
        string $stream,
        string $schema,
        string $action,
        array $data = [],
        ?\DateTimeInterface $at = null,
    ): bool {
        return $this->client->guarded(function () use ($stream, $schema, $action, $data, $at): bool {
            $settings = $this->usableStream($stream);
            return $settings !== null && $this->send(
                StreamSettings::target($settings, $stream),
                $schema,
                $action,
                $data,
                StreamSettings::requestedAttributes($settings),
                StreamSettings::sample($settings),
                at: $at,
            );
        }, false);
    }

    /**
     * Sends an interaction `click` of the web base schema.
     *
     * @param array<array-key, mixed> $data further fields of the event
     * @return bool whether the event is on its way
     */
    public function submitClick(string $stream, array $data = [], ?\DateTimeInterface $at = null): bool
    {
        return $this->submitInteraction($stream, StreamSettings::WEB_SCHEMA, 'click', $data, $at);
    }

    /**
     * Sends an event that the site made; it must have `$schema`.
     *
     * `meta.stream`, `meta.domain`, `meta.id` and `dt` are filled in; on a stream that is meant for
     * client libraries also the membership and the attributes that the stream asks for.
     *
     * @param array<array-key, mixed> $event
     * @param ?\DateTimeInterface $at its `dt`; now if not given
     * @return bool whether the event is on its way; if not, `Client::refused` counts why
     */
    public function submit(string $stream, array $event, ?\DateTimeInterface $at = null): bool
    {
        return $this->client->guarded(function () use ($stream, $event, $at): bool {
            $schema = $event['$schema'] ?? null;
            if (!is_string($schema) || $schema === '') {
                return $this->refuse('no_schema', "an event for '$stream' has no '\$schema'");
            }
            $settings = $this->usableStream($stream);
            if ($settings === null) {
                return false;
            }
            if (StreamSettings::isMetrics($settings)) {
                unset($event['experiments']);
                if ($this->membership()->assigned !== []) {
                    $event['experiments'] = $this->membership()->toEvent();
                }
            }
            return $this->client->delivery->submit(Events::completed(
                $event,
                StreamSettings::target($settings, $stream),
                $this->client->domain,
                Events::newId(),
                $at ?? new \DateTimeImmutable(),
                Events::requestedContext(StreamSettings::requestedAttributes($settings), $this->context),
            ));
        }, false);
    }

    /** The configured stream; null, and counted, if its events go nowhere or the visitor is not in its sample. */
    private function usableStream(string $name): ?\stdClass
    {
        $settings = $this->configuration->stream($name);
        $target = $settings === null ? $name : StreamSettings::target($settings, $name);
        if ($settings === null || $this->configuration->stream($target) === null) {
            $this->refuse('unknown_stream', "stream '$target' is not configured");
            return null;
        }
        $sample = StreamSettings::sample($settings);
        if ($sample !== null && !(is_string($sample['unit']) && $this->inSample($sample['unit'], $sample['rate']))) {
            $this->refuse('not_sampled');
            return null;
        }
        return $settings;
    }

    /**
     * Sends an event of which stream, attributes and sampling are settled already.
     *
     * @internal
     * @param array<array-key, mixed> $data
     * @param list<string> $attributes
     * @param array<array-key, mixed>|null $sample
     * @param array<string, mixed> $fixed
     */
    public function send(
        string $stream,
        string $schema,
        string $action,
        array $data,
        array $attributes,
        ?array $sample = null,
        array $fixed = [],
        ?\DateTimeInterface $at = null,
    ): bool {
        if ($action === '') {
            return $this->refuse('no_action', "an event for '$stream' names no action");
        }
        $membership = $this->membership();
        return $this->client->delivery->submit(Events::interaction(
            $schema,
            $stream,
            $this->client->domain,
            Events::newId(),
            $at ?? new \DateTimeImmutable(),
            $action,
            $data,
            Events::requestedContext($attributes, $this->context),
            $membership->assigned === [] ? null : $membership->toEvent(),
            $sample,
            $fixed,
        ));
    }

    /**
     * Whether this visitor's pageview or session is in a sample of that rate (0 to 1).
     *
     * @internal
     */
    public function inSample(string $unit, mixed $rate): bool
    {
        $id = match ($unit) {
            'pageview' => $this->pageviewId,
            'session' => $this->identity->sessionId,
            default => null,
        };
        return $id !== null && (is_int($rate) || is_float($rate)) && Law::inSample($id, (float) $rate);
    }

    /**
     * 1, 2, 3, …: the running number of an instrument's events for this visitor.
     *
     * @internal
     */
    public function nextStep(string $name): int
    {
        return $this->steps[$name] = ($this->steps[$name] ?? 0) + 1;
    }

    /**
     * Sends an exposure, but once for each experiment. One that was not queued may be tried again.
     *
     * @internal
     * @param \Closure(): bool $send
     */
    public function expose(string $experiment, \Closure $send): bool
    {
        if (isset($this->exposed[$experiment])) {
            return $this->refuse('already_exposed');
        }
        $queued = $send();
        if ($queued) {
            $this->exposed[$experiment] = true;
        }
        return $queued;
    }

    /**
     * Counts an event that is not sent; always false.
     *
     * @internal
     */
    public function refuse(string $reason, string $text = ''): bool
    {
        return $this->client->refuse($reason, $text);
    }

    /**
     * @internal
     * @template T
     * @param \Closure(): T $work
     * @param T $otherwise
     * @return T
     */
    public function guarded(\Closure $work, mixed $otherwise): mixed
    {
        return $this->client->guarded($work, $otherwise);
    }

    /** The site's name. */
    public function site(): string
    {
        return $this->client->site;
    }
}
