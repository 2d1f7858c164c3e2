<?php

declare(strict_types=1);

namespace Allotment;

use Psr\Log\LoggerInterface;

/** Says a problem once, in the site's log if it gave one. A logger that fails is the site's matter. */
final class Log
{
    private const MAX_TOLD = 1000;

    /** @var array<string, true> */
    private array $told = [];

    public function __construct(private readonly ?LoggerInterface $logger = null)
    {
    }

    /** Warns, unless the same was said before. */
    public function warn(string $text): void
    {
        if ($this->logger === null || isset($this->told[$text]) || count($this->told) >= self::MAX_TOLD) {
            return;
        }
        $this->told[$text] = true;
        try {
            $this->logger->warning('allotment: {problem}', ['problem' => $text]);
        } catch (\Throwable) {
            // Nothing of this library may break the page.
        }
    }
}
