<?php

declare(strict_types=1);

namespace Allotment\Http;

/** A web address in its parts. */
final class Address
{
    private function __construct(
        public readonly bool $secure,
        public readonly string $host,
        public readonly int $port,
        public readonly string $target,
    ) {
    }

    /** @throws \InvalidArgumentException it is not http(s) with a host */
    public static function of(string $url): self
    {
        $parts = parse_url($url);
        $scheme = strtolower($parts['scheme'] ?? '');
        $host = $parts['host'] ?? '';
        $plain = preg_match('/[\x00-\x20\x7f]/', $url) !== 1;
        if ($parts === false || !$plain || $host === '' || !in_array($scheme, ['http', 'https'], true)) {
            throw new \InvalidArgumentException("'$url' is no address; give one such as http://127.0.0.1:8000");
        }
        $query = isset($parts['query']) ? "?{$parts['query']}" : '';
        $secure = $scheme === 'https';
        return new self($secure, $host, $parts['port'] ?? ($secure ? 443 : 80), ($parts['path'] ?? '/') . $query);
    }

    /** The host as a `Host` header names it. */
    public function authority(): string
    {
        return $this->port === ($this->secure ? 443 : 80) ? $this->host : "$this->host:$this->port";
    }
}
