<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** The share of subjects that take part: a default, and other rates for named sites. */
final class SampleRate
{
    /** @param array<array-key, float> $sites rates by site */
    public function __construct(
        public readonly float $default,
        public readonly array $sites = [],
    ) {
    }

    /** The rate (0 to 1) at a site; the default where the site is not named. */
    public function at(?string $site): float
    {
        return $site === null ? $this->default : $this->sites[$site] ?? $this->default;
    }
}
