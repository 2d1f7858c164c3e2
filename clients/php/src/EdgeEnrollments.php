<?php

declare(strict_types=1);

namespace Allotment;

/**
 * Groups that an edge in front of the site gave its readers, and the headers that tell them.
 *
 * `X-Experiment-Enrollments: name=group;name2=group2;` comes with the request, from an edge that takes
 * the header away from whoever else sends it. The subject ids are the edge's alone: events say
 * `awaiting`, and the intake fills them in.
 */
final class EdgeEnrollments
{
    public const HEADER = 'X-Experiment-Enrollments';
    public const SERVER_TIMING = 'WMF-Uniq';
    public const AWAITING = 'awaiting';
    private const NAME = '[A-Za-z0-9][-_.A-Za-z0-9]{7,62}';
    private const GROUP = '[A-Za-z0-9][-_.A-Za-z0-9]{0,62}';

    /**
     * What can be read of the header; a damaged item hides no other.
     *
     * An experiment that is named twice with different groups is left out: which of them is true
     * cannot be known.
     *
     * @return array<array-key, string> groups by experiment name
     */
    public static function parse(string $header): array
    {
        $found = [];
        $doubtful = [];
        foreach (explode(';', $header) as $item) {
            $pattern = '/^(' . self::NAME . ')=(' . self::GROUP . ')(?:\/[-_A-Za-z0-9]{1,128})?$/D';
            if (preg_match($pattern, trim($item, " \t"), $parts) === 1) {
                [, $name, $group] = $parts;
                $found[$name] ??= $group;
                if ($found[$name] !== $group) {
                    $doubtful[$name] = true;
                }
            }
        }
        return array_diff_key($found, $doubtful);
    }

    /**
     * A membership as headers of an answer, for clients that read it there: `X-Experiment-Enrollments`
     * of programs, `Server-Timing` of pages' scripts. None where there is nothing to tell.
     *
     * Names that the header cannot carry are left out.
     *
     * @return array<string, string> values by header name
     */
    public static function headers(Membership $membership): array
    {
        $items = '';
        foreach ($membership->assigned as $name => $group) {
            $item = "$name=$group";
            $items .= self::parse($item) === [] ? '' : "$item;";
        }
        return $items === '' ? [] : [
            self::HEADER => $items,
            'Server-Timing' => self::SERVER_TIMING . ";desc=\"$items\"",
        ];
    }
}
