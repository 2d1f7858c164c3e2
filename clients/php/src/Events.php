<?php

declare(strict_types=1);

namespace Allotment;

/** How an event is put together. Pure: what goes in is given, nothing is asked or sent. */
final class Events
{
    /** Objects of the base schemas: an empty one must be `{}` in JSON, which PHP would write as `[]`. */
    private const OBJECTS = ['agent', 'mediawiki', 'page', 'performer', 'http'];

    /** ISO 8601 in UTC with milliseconds, as events carry it: `2026-11-22T02:55:09.429Z`. */
    public static function timestamp(\DateTimeInterface $moment): string
    {
        $utc = \DateTimeImmutable::createFromInterface($moment)->setTimezone(new \DateTimeZone('UTC'));
        return $utc->format('Y-m-d\TH:i:s.v\Z');
    }

    /** A random UUID (RFC 9562, version 4), which tells an event that comes twice. */
    public static function newId(): string
    {
        $bytes = random_bytes(16);
        $bytes[6] = chr(ord($bytes[6]) & 0x0F | 0x40);
        $bytes[8] = chr(ord($bytes[8]) & 0x3F | 0x80);
        return implode('-', array_map('bin2hex', [
            substr($bytes, 0, 4),
            substr($bytes, 4, 2),
            substr($bytes, 6, 2),
            substr($bytes, 8, 2),
            substr($bytes, 10),
        ]));
    }

    /**
     * A context's attributes by their flat names: `['page' => ['id' => 7]]` has `page_id`.
     *
     * @param array<array-key, array<array-key, mixed>> $context
     * @return array<string, mixed>
     */
    public static function flat(array $context): array
    {
        $found = [];
        foreach ($context as $group => $members) {
            foreach ($members as $key => $value) {
                $found["{$group}_$key"] = $value;
            }
        }
        return $found;
    }

    /**
     * The requested attributes that are known, in the shape of an event.
     *
     * An attribute `a_b_c` is the field `b_c` of the object `a`. One that is missing or null is left
     * out; an empty text, 0, false and an empty list are kept.
     *
     * @param list<string> $names
     * @param array<array-key, array<array-key, mixed>> $context
     * @return array<string, array<string, mixed>>
     */
    public static function requestedContext(array $names, array $context): array
    {
        $found = [];
        foreach ($names as $name) {
            [$group, $key] = explode('_', $name, 2) + [1 => ''];
            $value = $context[$group][$key] ?? null;
            if ($value !== null) {
                $found[$group][$key] = $value;
            }
        }
        return $found;
    }

    /**
     * Both, key by key; maps are merged, of two other values the one in `over` stays.
     *
     * @param array<array-key, mixed> $under
     * @param array<array-key, mixed> $over
     * @return array<array-key, mixed>
     */
    public static function merged(array $under, array $over): array
    {
        foreach ($over as $key => $value) {
            $lower = $under[$key] ?? null;
            $under[$key] = self::areMaps($lower, $value) ? self::merged((array) $lower, (array) $value) : $value;
        }
        return $under;
    }

    /**
     * One interaction event.
     *
     * The caller's `data` may add to everything that the context gives, and replace it; it replaces
     * neither the action nor `$schema`, `dt`, `meta.stream`, `meta.domain`, `meta.id`, `experiments`,
     * `sample`, nor what `fixed` holds.
     *
     * @param array<array-key, mixed> $data
     * @param array<string, array<string, mixed>> $context
     * @param array<string, mixed>|null $experiments
     * @param array<array-key, mixed>|null $sample
     * @param array<string, mixed> $fixed
     * @return array<array-key, mixed>
     */
    public static function interaction(
        string $schema,
        string $stream,
        string $domain,
        string $eventId,
        \DateTimeInterface $moment,
        string $action,
        array $data = [],
        array $context = [],
        ?array $experiments = null,
        ?array $sample = null,
        array $fixed = [],
    ): array {
        $event = self::merged(['agent' => [], ...$context], $data);
        $event = [...$event, '$schema' => $schema, 'action' => $action];
        $event = [...self::withOwn($event, $stream, $domain, $eventId, $moment), ...$fixed];
        unset($event['experiments'], $event['sample']);
        if ($experiments !== null && $experiments !== []) {
            $event['experiments'] = $experiments;
        }
        if ($sample !== null && $sample !== []) {
            $event['sample'] = $sample;
        }
        return $event;
    }

    /**
     * An event that a site made, completed: its `dt`, `meta.stream`, `meta.domain` and `meta.id` are
     * the library's; it may replace what the context gives.
     *
     * @param array<array-key, mixed> $made
     * @param array<string, array<string, mixed>> $context
     * @return array<array-key, mixed>
     */
    public static function completed(
        array $made,
        string $stream,
        string $domain,
        string $eventId,
        \DateTimeInterface $moment,
        array $context = [],
    ): array {
        return self::withOwn(self::merged($context, $made), $stream, $domain, $eventId, $moment);
    }

    /**
     * @param array<array-key, mixed> $event
     * @return array<array-key, mixed>
     */
    private static function withOwn(
        array $event,
        string $stream,
        string $domain,
        string $eventId,
        \DateTimeInterface $moment,
    ): array {
        foreach (self::OBJECTS as $key) {
            if (($event[$key] ?? null) === []) {
                $event[$key] = new \stdClass();
            }
        }
        $meta = $event['meta'] ?? null;
        $kept = is_array($meta) || $meta instanceof \stdClass ? (array) $meta : [];
        return [
            ...$event,
            'dt' => self::timestamp($moment),
            'meta' => [...$kept, 'stream' => $stream, 'domain' => $domain, 'id' => $eventId],
        ];
    }

    /** Whether both are maps: objects, or arrays of which at least one has keys. */
    private static function areMaps(mixed $under, mixed $over): bool
    {
        $kinds = [];
        foreach ([$under, $over] as $value) {
            if ($value instanceof \stdClass) {
                $kinds[] = 'map';
            } elseif (!is_array($value)) {
                return false;
            } else {
                // An empty array is whatever the other one is.
                $kinds[] = $value === [] ? 'any' : (array_is_list($value) ? 'list' : 'map');
            }
        }
        return in_array('map', $kinds, true) && !in_array('list', $kinds, true);
    }
}
