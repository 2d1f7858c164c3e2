<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** What the law says of one subject in one experiment. `group` is null exactly if not enrolled. */
final class Allocation
{
    public function __construct(
        public readonly string $experiment,
        public readonly string $subjectId,
        public readonly ?string $group,
        public readonly Reason $reason,
    ) {
    }
}
