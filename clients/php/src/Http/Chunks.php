<?php

declare(strict_types=1);

namespace Allotment\Http;

/** A body that comes in pieces, each with its length before it (RFC 9112 §7.1). */
final class Chunks
{
    /** The body; null while its last piece has not come. */
    public static function join(string $text): ?string
    {
        $body = '';
        $at = 0;
        while (preg_match('/\G([0-9a-fA-F]{1,7})[^\r\n]*\r\n/', $text, $found, 0, $at) === 1) {
            $length = (int) hexdec($found[1]);
            $at += strlen($found[0]);
            if ($length === 0) {
                return $body;
            }
            if (strlen($text) < $at + $length + 2) {
                return null;
            }
            $body .= substr($text, $at, $length);
            $at += $length + 2;
        }
        return null;
    }
}
