<?php

declare(strict_types=1);

namespace Allotment;

/** One instrument as one visitor meets it, addressed by its name alone. */
final class InstrumentHandle
{
    /** @internal `Visitor::getInstrument` makes them */
    public function __construct(private readonly Visitor $visitor, public readonly string $name)
    {
    }

    /** Whether the instrument is active and this visitor's unit is in its sample here. */
    public function isInSample(): bool
    {
        return $this->visitor->guarded(function (): bool {
            $instrument = $this->visitor->configuration->instrument($this->name);
            return $instrument !== null
                && $instrument->isActive(new \DateTimeImmutable())
                && $this->visitor->inSample(
                    $instrument->sampleUnit,
                    $instrument->sampleRate->at($this->visitor->site())
                );
        }, false);
    }

    /**
     * Sends an event as this instrument; nothing where the visitor is not in its sample.
     *
     * The event has the instrument's name as `instrument_name`, and `1, 2, …` as
     * `funnel_event_sequence_position`, unless `$data` has a number of its own there.
     *
     * @param array<array-key, mixed> $data further fields of the event
     * @param list<string> $attributes contextual attributes beside those that the configuration asks for
     * @param ?\DateTimeInterface $at when it was done; now if not given
     * @return bool whether the event is on its way
     */
    public function send(
        string $action,
        array $data = [],
        array $attributes = [],
        ?\DateTimeInterface $at = null,
    ): bool {
        return $this->visitor->guarded(function () use ($action, $data, $attributes, $at): bool {
            $instrument = $this->visitor->configuration->instrument($this->name);
            if ($instrument === null) {
                return $this->visitor->refuse('unknown_instrument', "instrument '$this->name' is not configured");
            }
            if (!$this->isInSample()) {
                return $this->visitor->refuse('not_sampled');
            }
            $stream = $instrument->streamName;
            if ($this->visitor->configuration->stream($stream) === null) {
                return $this->visitor->refuse('unknown_stream', "stream '$stream' of '$this->name' is not configured");
            }
            $rate = $instrument->sampleRate->at($this->visitor->site());
            return $this->visitor->send(
                $stream,
                $instrument->schemaId,
                $action,
                $data,
                [...$instrument->contextualAttributes, ...$attributes],
                ['unit' => $instrument->sampleUnit, 'rate' => $rate],
                [
                    'instrument_name' => $this->name,
                    'funnel_event_sequence_position' => $data['funnel_event_sequence_position']
                        ?? $this->visitor->nextStep($this->name),
                ],
                $at,
            );
        }, false);
    }
}
