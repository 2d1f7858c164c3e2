<?php

declare(strict_types=1);

namespace Allotment\Configuration;

/** The three answers that make up a configuration. */
enum Document: string
{
    case Experiments = 'experiments';
    case Instruments = 'instruments';
    case Streams = 'streams';

    /** Where the registry serves it. */
    public function path(string $site): string
    {
        return match ($this) {
            self::Experiments => '/api/v1/experiments',
            self::Instruments => '/api/v1/instruments',
            self::Streams => '/w/api.php?action=streamconfigs&format=json&site=' . rawurlencode($site),
        };
    }
}
