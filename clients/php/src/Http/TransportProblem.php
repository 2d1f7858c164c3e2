<?php

declare(strict_types=1);

namespace Allotment\Http;

/** No usable HTTP answer came; the message says what happened and with whom. */
final class TransportProblem extends \RuntimeException
{
}
