<?php

declare(strict_types=1);

namespace Allotment;

/** Who chose a group. Only what `DEFAULT` chose is analysed. */
final class Coordinator
{
    public const DEFAULT = 'default';
    public const FORCED = 'forced';
}
