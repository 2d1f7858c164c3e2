<?php

declare(strict_types=1);

namespace Allotment\Configuration;

/**
 * Where the last good configuration is kept between requests.
 *
 * PHP forgets everything when a request ends, so each one begins with what the store has.
 */
interface Store
{
    /**
     * The last good copy; null: there is none.
     *
     * @throws StoreProblem
     */
    public function read(): ?string;

    /**
     * Keeps a copy. Who reads at the same moment sees the old one or the new one, whole.
     *
     * @throws StoreProblem
     */
    public function write(string $copy): void;

    /**
     * Whether the caller may ask the registry now: of all that share the store only one may, in so
     * many seconds.
     *
     * @throws StoreProblem
     */
    public function claim(float $seconds): bool;
}
