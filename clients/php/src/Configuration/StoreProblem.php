<?php

declare(strict_types=1);

namespace Allotment\Configuration;

/** The configuration cannot be read or kept; the message says where and why. */
final class StoreProblem extends \RuntimeException
{
}
