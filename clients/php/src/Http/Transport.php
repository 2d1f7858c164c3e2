<?php

declare(strict_types=1);

namespace Allotment\Http;

/** How this library speaks HTTP. `SocketTransport` needs nothing; `Psr18Transport` uses yours. */
interface Transport
{
    /** An answer longer than this is an error: a site must not be filled up by its registry. */
    public const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

    /**
     * Asks once. Redirects are not followed.
     *
     * @param array<string, string> $headers
     * @param float $seconds how long the answer may take
     * @throws TransportProblem refused, timed out, broken off, or the answer is too long
     */
    public function send(string $method, string $url, array $headers, string $body, float $seconds): Answer;
}
