<?php

declare(strict_types=1);

namespace Allotment\Http;

/**
 * HTTP/1.1 over PHP's own sockets, one connection a request.
 *
 * The time of an answer is bounded as a whole, which PHP's `http://` wrapper cannot do: it begins
 * anew with every byte. Proxies named in the environment are not used.
 */
final class SocketTransport implements Transport
{
    private const PIECE_BYTES = 65536;
    private const MAX_HEAD_BYTES = 65536;

    public function send(string $method, string $url, array $headers, string $body, float $seconds): Answer
    {
        $address = Address::of($url);
        $deadline = microtime(true) + $seconds;
        $socket = $this->connect($address, $url, $seconds);
        try {
            $this->write($socket, $this->request($method, $address, $headers, $body), $deadline, $url);
            return $this->read($socket, $method, $deadline, $url);
        } finally {
            fclose($socket);
        }
    }

    /** @return resource */
    private function connect(Address $address, string $url, float $seconds)
    {
        $host = trim($address->host, '[]');
        $context = stream_context_create(['ssl' => ['peer_name' => $host]]);
        $scheme = $address->secure ? 'tls' : 'tcp';
        $target = "$scheme://$address->host:$address->port";
        [$code, $text] = [0, ''];
        $warned = '';
        // What fails here is told by an exception, not by a warning on the page.
        set_error_handler(static function (int $_, string $warning) use (&$warned): bool {
            $warned = $warned === '' ? $warning : $warned;
            return true;
        });
        try {
            $socket = stream_socket_client($target, $code, $text, $seconds, STREAM_CLIENT_CONNECT, $context);
        } finally {
            restore_error_handler();
        }
        if ($socket === false) {
            // Of TLS, PHP says what was wrong in its warning alone.
            throw new TransportProblem("$url: " . ($text === '' ? strtr($warned, "\n", ' ') : $text));
        }
        stream_set_blocking($socket, false);
        return $socket;
    }

    /** @param array<string, string> $headers */
    private function request(string $method, Address $address, array $headers, string $body): string
    {
        $headers += ['Host' => $address->authority(), 'Connection' => 'close'];
        if ($method !== 'GET') {
            $headers += ['Content-Length' => (string) strlen($body)];
        }
        $lines = "$method $address->target HTTP/1.1\r\n";
        foreach ($headers as $name => $value) {
            $lines .= "$name: " . strtr($value, "\r\n", '  ') . "\r\n";
        }
        return "$lines\r\n$body";
    }

    /** @param resource $socket */
    private function write($socket, string $request, float $deadline, string $url): void
    {
        while ($request !== '') {
            $this->await($socket, $deadline, $url, reading: false);
            set_error_handler(static fn (): bool => true);
            $written = fwrite($socket, $request);
            restore_error_handler();
            if ($written === false) {
                // The server may have answered and closed before it had read all; its answer counts.
                return;
            }
            $request = substr($request, $written);
        }
    }

    /** @param resource $socket */
    private function read($socket, string $method, float $deadline, string $url): Answer
    {
        $text = '';
        while (!feof($socket)) {
            // Read before waiting: what TLS has decrypted already wakes nobody.
            $piece = (string) fread($socket, self::PIECE_BYTES);
            if ($piece === '') {
                $this->await($socket, $deadline, $url, reading: true);
                continue;
            }
            $text .= $piece;
            if (strlen($text) > self::MAX_ANSWER_BYTES) {
                throw new TransportProblem("$url: the answer is longer than " . self::MAX_ANSWER_BYTES . ' bytes');
            }
            $answer = $this->whole($text, $method, $url, ended: false);
            if ($answer !== null) {
                return $answer;
            }
        }
        return $this->whole($text, $method, $url, ended: true)
            ?? throw new TransportProblem("$url: the answer broke off");
    }

    /** The answer, if it is whole; null: more must come. */
    private function whole(string $text, string $method, string $url, bool $ended): ?Answer
    {
        $end = strpos($text, "\r\n\r\n");
        if ($end === false) {
            if (strlen($text) > self::MAX_HEAD_BYTES) {
                throw new TransportProblem("$url: the answer's head is longer than " . self::MAX_HEAD_BYTES . ' bytes');
            }
            return null;
        }
        [$status, $headers] = $this->head(substr($text, 0, $end), $url);
        $rest = substr($text, $end + 4);
        if ($status < 200) {
            return $this->whole($rest, $method, $url, $ended);
        }
        if ($method === 'HEAD' || $status === 204 || $status === 304) {
            return new Answer($status, $headers, '');
        }
        if (strtolower($headers['transfer-encoding'] ?? '') === 'chunked') {
            $body = Chunks::join($rest);
        } elseif (isset($headers['content-length'])) {
            $length = (int) $headers['content-length'];
            $body = strlen($rest) >= $length ? substr($rest, 0, $length) : null;
        } else {
            $body = $ended ? $rest : null;
        }
        return $body === null ? null : new Answer($status, $headers, $body);
    }

    /** @return array{int, array<string, string>} */
    private function head(string $text, string $url): array
    {
        $lines = explode("\r\n", $text);
        if (preg_match('/^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/', (string) array_shift($lines), $found) !== 1) {
            throw new TransportProblem("$url: the answer is no HTTP");
        }
        $headers = [];
        foreach ($lines as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[strtolower($name)] = trim($value);
        }
        return [(int) $found[1], $headers];
    }

    /** @param resource $socket */
    private function await($socket, float $deadline, string $url, bool $reading): void
    {
        $left = $deadline - microtime(true);
        $readers = $reading ? [$socket] : null;
        $writers = $reading ? null : [$socket];
        $none = null;
        $micro = (int) (max(0.0, $left) * 1_000_000);
        set_error_handler(static fn (): bool => true);
        $ready = stream_select($readers, $writers, $none, intdiv($micro, 1_000_000), $micro % 1_000_000);
        restore_error_handler();
        if ($left <= 0 || $ready === 0) {
            throw new TransportProblem("$url: no whole answer in time");
        }
    }
}
