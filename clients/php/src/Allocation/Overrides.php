<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** Forced groups for QA, from the query parameter `mpo=experiment:group;experiment2:group2`. */
final class Overrides
{
    public const QUERY_PARAMETER = 'mpo';
    private const SHORT = '/^.{0,2048}$/Dsu';

    /**
     * Reads a list of forced groups.
     *
     * Items are separated by `;`, name and group by the first `:`; an empty item is passed over, as a
     * trailing `;` is common. An item without a name or a group is left out: it costs only itself.
     * Spaces around a name or a group do not count. Of two items for one experiment the last counts.
     *
     * @return array<array-key, string> groups by experiment
     */
    public static function parse(string $text): array
    {
        $forced = [];
        foreach (explode(';', $text) as $item) {
            $parts = explode(':', $item, 2);
            $name = trim($parts[0], ' ');
            $group = trim($parts[1] ?? '', ' ');
            if ($name !== '' && $group !== '') {
                $forced[$name] = $group;
            }
        }
        return $forced;
    }

    /**
     * Forced groups of a request's query, such as `$_GET`. One that is longer than a link by hand
     * would be is ignored.
     *
     * @param array<array-key, mixed> $query
     * @return array<array-key, string> groups by experiment
     */
    public static function inQuery(array $query): array
    {
        $found = $query[self::QUERY_PARAMETER] ?? '';
        // Not by strlen: it counts bytes, the other languages characters.
        return is_string($found) && preg_match(self::SHORT, $found) === 1 ? self::parse($found) : [];
    }
}
