<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** The slots (`begin` to before `end`, of 2^24) that a holdout keeps out of an experiment. */
final class HoldoutRange
{
    public function __construct(
        public readonly string $holdout,
        public readonly int $begin,
        public readonly int $end,
    ) {
    }
}
