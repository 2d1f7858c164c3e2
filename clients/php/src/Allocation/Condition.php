<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** One attribute (`page_namespace_id`), an operator, and what the attribute is held against. */
final class Condition
{
    /** @param string|float|bool|list<string|float|bool> $operand */
    public function __construct(
        public readonly string $attribute,
        public readonly string $operator,
        public readonly string|float|bool|array $operand,
    ) {
    }
}
