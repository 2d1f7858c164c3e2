<?php

declare(strict_types=1);

namespace Allotment\Http;

/** An HTTP answer. */
final class Answer
{
    /** @param array<string, string> $headers by lower-case name */
    public function __construct(
        public readonly int $status,
        public readonly array $headers,
        public readonly string $body,
    ) {
    }
}
