<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** An item of the configuration cannot be used; the message names field, value and remedy. */
final class ConfigError extends \InvalidArgumentException
{
}
