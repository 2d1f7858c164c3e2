<?php

declare(strict_types=1);

namespace Allotment\Configuration;

use Allotment\Allocation\Experiment;

/** All that a site knows of the registry at one moment. Each part is read when it is first asked for. */
final class Configuration
{
    /** @var array<string, array<array-key, mixed>> */
    private array $read = [];

    /** @param \Closure(Document): Parsed $parse */
    public function __construct(private readonly \Closure $parse)
    {
    }

    /** @return array<array-key, Experiment> by name */
    public function experiments(): array
    {
        return $this->part(Document::Experiments);
    }

    public function experiment(string $name): ?Experiment
    {
        return $this->part(Document::Experiments)[$name] ?? null;
    }

    public function instrument(string $name): ?Instrument
    {
        return $this->part(Document::Instruments)[$name] ?? null;
    }

    public function stream(string $name): ?\stdClass
    {
        return $this->part(Document::Streams)[$name] ?? null;
    }

    /** @return array<array-key, \stdClass> by name */
    public function streams(): array
    {
        return $this->part(Document::Streams);
    }

    /** @return array<array-key, mixed> */
    private function part(Document $kind): array
    {
        return $this->read[$kind->value] ??= ($this->parse)($kind)->items;
    }
}
