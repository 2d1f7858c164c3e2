<?php

declare(strict_types=1);

namespace Allotment\Configuration;

use Allotment\Allocation\SampleRate;

/** A named producer of events, as much of it as sending needs. */
final class Instrument
{
    /** @param list<string> $contextualAttributes */
    public function __construct(
        public readonly string $name,
        public readonly string $streamName,
        public readonly string $schemaTitle,
        public readonly string $schemaId,
        public readonly string $sampleUnit,
        public readonly SampleRate $sampleRate,
        public readonly array $contextualAttributes = [],
        public readonly ?\DateTimeImmutable $start = null,
        public readonly ?\DateTimeImmutable $end = null,
    ) {
    }

    /** Whether a time lies within start and end, both included; a missing bound is open. */
    public function isActive(\DateTimeInterface $now): bool
    {
        return ($this->start === null || $this->start <= $now) && ($this->end === null || $now <= $this->end);
    }
}
