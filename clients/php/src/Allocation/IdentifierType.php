<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** Who is randomized, in the public API's names; a registry may know others. */
final class IdentifierType
{
    public const USER = 'mw-user';
    public const BROWSER = 'edge-unique';
    public const SESSION = 'session';
}
