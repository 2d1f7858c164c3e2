<?php

declare(strict_types=1);

namespace Allotment\Configuration;

/** The last good copy of one document, as it came. */
final class Held
{
    /** @param float $confirmedAt when the registry last gave or confirmed it, in seconds since the epoch */
    public function __construct(
        public readonly string $body,
        public readonly string $etag,
        public readonly ?int $version,
        public readonly float $confirmedAt,
    ) {
    }

    /** @throws \UnexpectedValueException it was not written by this library */
    public static function of(mixed $stored): self
    {
        $body = $stored->body ?? null;
        $etag = $stored->etag ?? null;
        $version = $stored->version ?? null;
        $at = $stored->confirmed_at ?? null;
        if (!is_string($body) || !is_string($etag) || !is_float($at) || ($version !== null && !is_int($version))) {
            throw new \UnexpectedValueException('it is not what this library writes');
        }
        return new self($body, $etag, $version, $at);
    }

    /** @return array<string, mixed> as `of` reads it */
    public function toStored(): array
    {
        return [
            'body' => $this->body,
            'etag' => $this->etag,
            'version' => $this->version,
            'confirmed_at' => $this->confirmedAt,
        ];
    }
}
