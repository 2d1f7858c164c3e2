<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** Times as configuration writes them. PHP's own reader takes `tomorrow` and the 31st of June. */
final class IsoTime
{
    private const DATE = '(?:(?<year>\d{4})(?:-(?<month>\d\d)-(?<day>\d\d)|(?<month2>\d\d)(?<day2>\d\d)'
        . '|-W(?<week>\d\d)(?:-(?<weekday>\d))?|W(?<week2>\d\d)(?<weekday2>\d)?))';
    private const TIME = '(?<hour>\d\d)(?::(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<part>\d+))?)?'
        . '|(?<minute2>\d\d)(?:(?<second2>\d\d)(?:[.,](?<part2>\d+))?)?)?';
    private const ZONE = '(?<zone>Z|(?<sign>[+-])(?<hours>\d\d)(?::?(?<minutes>[0-5]\d))?)';

    /** What registries write, read in a tenth of the time of the others. */
    private const USUAL = '/^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)Z$/D';

    private static ?\DateTimeImmutable $midnight = null;

    /** The time that an ISO 8601 text names, in UTC; without a zone it counts as UTC. Null: none. */
    public static function read(string $text): ?\DateTimeImmutable
    {
        if (preg_match(self::USUAL, $text, $found) === 1) {
            [, $year, $month, $day, $hour, $minute, $second] = array_map('intval', $found);
            return checkdate($month, $day, $year)
                ? self::midnight()->setDate($year, $month, $day)->setTime($hour, $minute, $second)
                : null;
        }
        $pattern = '/^' . self::DATE . '(?:[Tt ]' . self::TIME . self::ZONE . '?)?$/Dsu';
        if (preg_match($pattern, $text, $found, PREG_UNMATCHED_AS_NULL) !== 1) {
            return null;
        }
        $day = self::day($found);
        $hour = (int) $found['hour'];
        $minute = (int) ($found['minute'] ?? $found['minute2']);
        $second = (int) ($found['second'] ?? $found['second2']);
        if ($day === null || $hour > 23 || $minute > 59 || $second > 59) {
            return null;
        }
        $micro = (int) str_pad(substr($found['part'] ?? $found['part2'] ?? '', 0, 6), 6, '0');
        $offset = (int) $found['hours'] * 3600 + (int) $found['minutes'] * 60;
        if ($offset >= 86400) {
            return null;
        }
        $time = $day->setTime($hour, $minute, $second, $micro);
        return $time->modify(($found['sign'] === '-' ? '+' : '-') . "$offset seconds") ?: null;
    }

    /** @param array<array-key, ?string> $found */
    private static function day(array $found): ?\DateTimeImmutable
    {
        $year = (int) $found['year'];
        $week = $found['week'] ?? $found['week2'];
        $midnight = self::midnight();
        if ($year < 1) {
            return null;
        }
        if ($week !== null) {
            $weekday = (int) ($found['weekday'] ?? $found['weekday2'] ?? 1);
            $day = $midnight->setISODate($year, (int) $week, $weekday);
            $thursday = $day->modify('thursday this week') ?: $day;
            $exists = $weekday >= 1 && $weekday <= 7 && $thursday->format('o-W') === sprintf('%04d-%s', $year, $week);
            return $exists ? $day : null;
        }
        $month = (int) ($found['month'] ?? $found['month2']);
        $day = (int) ($found['day'] ?? $found['day2']);
        return checkdate($month, $day, $year) ? $midnight->setDate($year, $month, $day) : null;
    }

    private static function midnight(): \DateTimeImmutable
    {
        return self::$midnight ??= new \DateTimeImmutable('1970-01-01', new \DateTimeZone('UTC'));
    }
}
