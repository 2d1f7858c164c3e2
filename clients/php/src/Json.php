<?php

declare(strict_types=1);

namespace Allotment;

/**
 * JSON as the other languages read and write it.
 *
 * Objects become `stdClass`, so that `{}` and `[]` stay what they are; a lone surrogate, which no PHP
 * text can hold, becomes U+FFFD, so that it costs nothing but itself.
 */
final class Json
{
    private const SHOWN_CHARACTERS = 200;
    private const WRITTEN = JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR;

    /** @throws \JsonException the text is no JSON */
    public static function decode(string $text): mixed
    {
        try {
            return json_decode($text, false, 512, JSON_THROW_ON_ERROR);
        } catch (\JsonException $error) {
            return match ($error->getCode()) {
                JSON_ERROR_UTF16 => json_decode(self::paired($text), false, 512, JSON_THROW_ON_ERROR),
                // No object can have a property whose name begins with a zero byte; an array can.
                JSON_ERROR_INVALID_PROPERTY_NAME => json_decode($text, true, 512, JSON_THROW_ON_ERROR),
                default => throw $error,
            };
        }
    }

    /**
     * Compact; bytes that are no UTF-8 become U+FFFD.
     *
     * @throws \JsonException the value cannot be written
     */
    public static function encode(mixed $value, int $flags = 0): string
    {
        return json_encode($value, self::WRITTEN | JSON_INVALID_UTF8_SUBSTITUTE | $flags);
    }

    /**
     * The members of a JSON object; null if it is none.
     *
     * @return array<array-key, mixed>|null
     */
    public static function map(mixed $found): ?array
    {
        if ($found instanceof \stdClass) {
            return (array) $found;
        }
        return is_array($found) && !array_is_list($found) ? $found : null;
    }

    /** A value as a message shows it: JSON, cut short. */
    public static function show(mixed $value): string
    {
        try {
            $text = self::encode($value, JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR);
        } catch (\Throwable) {
            $text = get_debug_type($value);
        }
        $shown = preg_match('/^.{0,' . self::SHOWN_CHARACTERS . '}/su', $text, $head) === 1 ? $head[0] : '';
        return $shown === $text ? $text : "$shown…";
    }

    /** The text with `\ufffd` for every escaped surrogate that is not one of a pair. */
    private static function paired(string $text): string
    {
        $pair = 'u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}';
        return (string) preg_replace_callback(
            "/\\\\(?:$pair|(?<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)/s",
            static fn (array $found): string => isset($found['lone']) ? '\\ufffd' : $found[0],
            $text
        );
    }
}
