<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** The slots (`begin` to before `end`, of 2^24) that an experiment owns of a layer. */
final class LayerRange
{
    public function __construct(
        public readonly string $layer,
        public readonly int $begin,
        public readonly int $end,
    ) {
    }
}
