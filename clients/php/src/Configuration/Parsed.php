<?php

declare(strict_types=1);

namespace Allotment\Configuration;

use Allotment\Allocation\Experiment;

/** One answer, read: its good items by name, and what was wrong with the others. */
final class Parsed
{
    /**
     * @param array<array-key, Experiment|Instrument|\stdClass> $items
     * @param list<string> $problems
     */
    public function __construct(
        public readonly array $items = [],
        public readonly array $problems = [],
        public readonly int $listed = 0,
    ) {
    }
}
