<?php

declare(strict_types=1);

namespace Allotment\Configuration;

/** Keeps the configuration in one file, which all of a site's processes share. */
final class FileStore implements Store
{
    /** @param string $path its folder is made if it is not there; the site must be able to write it */
    public function __construct(private readonly string $path)
    {
    }

    public function read(): ?string
    {
        return $this->quietly('read', function (): ?string {
            return is_file($this->path) ? file_get_contents($this->path) : null;
        });
    }

    public function write(string $copy): void
    {
        $this->quietly('written', function () use ($copy): bool {
            $this->makeFolder();
            $fresh = sprintf('%s/.%s.%s', dirname($this->path), basename($this->path), bin2hex(random_bytes(8)));
            $file = fopen($fresh, 'xb');
            try {
                // Renamed only once it is on the disk: a copy of nothing would be worse than an old one.
                $whole = fwrite($file, $copy) === strlen($copy) && fflush($file) && fsync($file);
                fclose($file);
                return $whole && rename($fresh, $this->path);
            } finally {
                @unlink($fresh);
            }
        });
    }

    public function claim(float $seconds): bool
    {
        return $this->quietly('written', function () use ($seconds): ?bool {
            $this->makeFolder();
            $file = fopen("{$this->path}.asked", 'c+b');
            try {
                if (!flock($file, LOCK_EX | LOCK_NB)) {
                    return null;
                }
                $ago = microtime(true) - (float) stream_get_contents($file);
                if ($ago >= 0 && $ago < $seconds) {
                    return null;
                }
                rewind($file);
                ftruncate($file, 0);
                fwrite($file, sprintf('%.6F', microtime(true)));
                return true;
            } finally {
                fclose($file);
            }
        }) === true;
    }

    private function makeFolder(): void
    {
        $folder = dirname($this->path);
        // Another process may make it at the same moment; then the first attempt fails, and nothing else.
        if (!is_dir($folder) && !@mkdir($folder, 0o770, true) && !is_dir($folder)) {
            mkdir($folder, 0o770, true);
        }
    }

    /**
     * Turns PHP's warnings, which would stand on the page, into an exception.
     *
     * @template T
     * @param \Closure(): T $work
     * @return T
     */
    private function quietly(string $done, \Closure $work): mixed
    {
        set_error_handler(function (int $code, string $text) use ($done): bool {
            if ((error_reporting() & $code) === 0) {
                return true;
            }
            throw new StoreProblem("the copy in $this->path cannot be $done: $text");
        });
        try {
            $found = $work();
        } finally {
            restore_error_handler();
        }
        return $found !== false ? $found : throw new StoreProblem("the copy in $this->path cannot be $done");
    }
}
