<?php

declare(strict_types=1);

namespace Allotment\Configuration;

/** An answer of the registry as a whole cannot be used; the message says why. */
final class UnusableAnswer extends \RuntimeException
{
}
