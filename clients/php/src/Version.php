<?php

declare(strict_types=1);

namespace Allotment;

/** This library's version, as it names itself to registry and intake. */
final class Version
{
    public const NUMBER = '0.1.0';
    public const USER_AGENT = 'allotment-php';
}
