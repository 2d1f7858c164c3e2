<?php

declare(strict_types=1);

namespace Allotment\Tests;

use Psr\Log\AbstractLogger;

/** A log that keeps what it is told. */
final class Recorder extends AbstractLogger
{
    /** @var list<string> */
    public array $told = [];

    /**
     * @param mixed $level
     * @param string|\Stringable $message
     * @param array<array-key, mixed> $context
     */
    public function log($level, $message, array $context = []): void
    {
        $this->told[] = "$level: " . strtr((string) $message, ['{problem}' => $context['problem'] ?? '']);
    }
}
