<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** Times as configuration writes them. PHP's own reader takes `tomorrow` and the 31st of June. */
final class IsoTime
{
    private const TEXT = '/^(\d{4})-(\d\d)-(\d\d)(?:T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d+))?)?'
        . '(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))?)?$/D';

    private static ?\DateTimeImmutable $midnight = null;

    /**
     * The time that a text of RFC 3339 names, in UTC and to the millisecond. Null: none.
     *
     * Zone, seconds or the whole clock may be missing; it is then UTC, the full minute, midnight.
     * What is finer than a millisecond is cut off: not every language can hold it.
     */
    public static function read(string $text): ?\DateTimeImmutable
    {
        if (preg_match(self::TEXT, $text, $found) !== 1) {
            return null;
        }
        [, $year, $month, $day] = array_map('intval', $found);
        if ($year < 1 || !checkdate($month, $day, $year)) {
            return null;
        }
        $micro = 1000 * (int) str_pad(substr($found[7] ?? '', 0, 3), 3, '0');
        $time = (self::$midnight ??= new \DateTimeImmutable('1970-01-01', new \DateTimeZone('UTC')))
            ->setDate($year, $month, $day)
            ->setTime((int) ($found[4] ?? 0), (int) ($found[5] ?? 0), (int) ($found[6] ?? 0), $micro);
        $offset = (int) ($found[9] ?? 0) * 60 + (int) ($found[10] ?? 0);
        if ($offset === 0) {
            return $time;
        }
        return $time->modify(($found[8] === '-' ? '+' : '-') . "$offset minutes") ?: null;
    }
}
