<?php

declare(strict_types=1);

namespace Allotment\Configuration;

/** Keeps the configuration in this process alone: for programs that run on, not for web requests. */
final class MemoryStore implements Store
{
    private ?string $copy = null;
    private float $askedAt = -INF;

    public function read(): ?string
    {
        return $this->copy;
    }

    public function write(string $copy): void
    {
        $this->copy = $copy;
    }

    public function claim(float $seconds): bool
    {
        $now = hrtime(true) / 1e9;
        if ($now - $this->askedAt < $seconds) {
            return false;
        }
        $this->askedAt = $now;
        return true;
    }
}
