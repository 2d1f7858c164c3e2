<?php

declare(strict_types=1);

namespace Allotment\Configuration;

use Psr\Cache\CacheItemPoolInterface;

/**
 * Keeps the configuration in the site's own PSR-6 cache, without an end: stale beats empty.
 *
 * A cache that may forget (memcached, Redis with eviction) is asked again after it did; until then
 * nobody is enrolled.
 */
final class Psr6Store implements Store
{
    public function __construct(
        private readonly CacheItemPoolInterface $pool,
        private readonly string $key = 'allotment.configuration',
    ) {
    }

    public function read(): ?string
    {
        return $this->guarded('read', function (): ?string {
            $item = $this->pool->getItem($this->key);
            $copy = $item->isHit() ? $item->get() : null;
            return is_string($copy) ? $copy : null;
        });
    }

    public function write(string $copy): void
    {
        $this->guarded('written', function () use ($copy): void {
            if (!$this->pool->save($this->pool->getItem($this->key)->set($copy)->expiresAfter(null))) {
                throw new \RuntimeException('the cache did not save it');
            }
        });
    }

    public function claim(float $seconds): bool
    {
        return $this->guarded('written', function () use ($seconds): bool {
            $item = $this->pool->getItem("$this->key.asked");
            if ($item->isHit()) {
                return false;
            }
            return $this->pool->save($item->set(true)->expiresAfter(max(1, (int) ceil($seconds))));
        });
    }

    /**
     * @template T
     * @param \Closure(): T $work
     * @return T
     */
    private function guarded(string $done, \Closure $work): mixed
    {
        try {
            return $work();
        } catch (\Throwable $error) {
            throw new StoreProblem("the copy in the cache cannot be $done: {$error->getMessage()}", 0, $error);
        }
    }
}
