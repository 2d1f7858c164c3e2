<?php

declare(strict_types=1);

namespace Allotment\Allocation;

use Allotment\Json;

/**
 * Conditions on contextual attributes: whether a subject is one whom an experiment is about.
 *
 * The same in every language: all conditions must hold; nothing is converted, so that the text `1`
 * is not the number 1; numbers are compared as IEEE 754 doubles, the one kind that JSON and every
 * language share; an attribute that is missing or null meets no condition, `not_equals` included.
 */
final class Targeting
{
    private const OF_SCALARS = ['equals', 'not_equals', 'contains', 'does_not_contain'];
    private const OF_NUMBERS = ['greater_than', 'less_than', 'greater_than_or_equals', 'less_than_or_equals'];
    private const OF_LISTS = ['in', 'not_in', 'contains_all', 'contains_any'];

    /**
     * Whether attributes (by flat names, such as `page_id`) meet all conditions.
     *
     * @param list<Condition> $conditions
     * @param array<array-key, mixed> $attributes
     */
    public static function meets(array $conditions, array $attributes): bool
    {
        foreach ($conditions as $condition) {
            $value = $attributes[$condition->attribute] ?? null;
            if ($value === null || !self::holds($condition->operator, $value, $condition->operand)) {
                return false;
            }
        }
        return true;
    }

    /**
     * Reads `{attribute: {operator: operand}}`; null has no conditions.
     *
     * @return list<Condition>
     * @throws ConfigError it has another shape, or an operator or operand that cannot be used. To pass
     *   over a condition would enroll whom it keeps out
     */
    public static function read(mixed $found): array
    {
        if ($found === null) {
            return [];
        }
        $attributes = Json::map($found);
        if ($attributes === null) {
            throw new ConfigError("'targeting' is " . Json::show($found) . '; it must be a JSON object');
        }
        $conditions = [];
        foreach ($attributes as $attribute => $tests) {
            $where = "'targeting' of $attribute";
            $operators = Json::map($tests);
            if ($operators === null) {
                throw new ConfigError("$where is " . Json::show($tests) . '; it must be a JSON object');
            }
            foreach ($operators as $operator => $operand) {
                $operator = (string) $operator;
                $operand = self::operand($where, $operator, $operand);
                $conditions[] = new Condition((string) $attribute, $operator, $operand);
            }
        }
        return $conditions;
    }

    /** @return string|float|bool|list<string|float|bool> */
    private static function operand(string $where, string $operator, mixed $found): string|float|bool|array
    {
        if (in_array($operator, self::OF_LISTS, true)) {
            if (!is_array($found) || !array_is_list($found)) {
                throw new ConfigError("$where: $operator has " . Json::show($found) . '; give a list');
            }
            return array_map(static fn (mixed $one) => self::scalar($where, $operator, $one), $found);
        }
        if (in_array($operator, self::OF_SCALARS, true)) {
            return self::scalar($where, $operator, $found);
        }
        if (!in_array($operator, self::OF_NUMBERS, true)) {
            $known = [...self::OF_SCALARS, ...self::OF_NUMBERS, ...self::OF_LISTS];
            sort($known);
            throw new ConfigError("$where has the operator '$operator'; give one of " . implode(', ', $known));
        }
        if (!is_int($found) && !is_float($found)) {
            throw new ConfigError("$where: $operator has " . Json::show($found) . '; give a number');
        }
        return (float) $found;
    }

    private static function scalar(string $where, string $operator, mixed $found): string|float|bool
    {
        if (is_string($found) || is_bool($found)) {
            return $found;
        }
        if (is_int($found) || is_float($found)) {
            return (float) $found;
        }
        throw new ConfigError(
            "$where: $operator has " . Json::show($found) . '; give texts, numbers, true or false'
        );
    }

    /** @param string|float|bool|list<string|float|bool> $operand */
    private static function holds(string $operator, mixed $value, string|float|bool|array $operand): bool
    {
        $value = is_int($value) ? (float) $value : $value;
        return match ($operator) {
            'equals' => $value === $operand,
            'not_equals' => $value !== $operand,
            'greater_than' => is_float($value) && $value > $operand,
            'less_than' => is_float($value) && $value < $operand,
            'greater_than_or_equals' => is_float($value) && $value >= $operand,
            'less_than_or_equals' => is_float($value) && $value <= $operand,
            'in' => in_array($value, (array) $operand, true),
            'not_in' => !in_array($value, (array) $operand, true),
            'contains' => self::isList($value) && self::contains($value, $operand),
            'does_not_contain' => self::isList($value) && !self::contains($value, $operand),
            'contains_all' => self::isList($value) && self::containsAll($value, (array) $operand),
            'contains_any' => self::isList($value) && self::containsAny($value, (array) $operand),
            default => false,
        };
    }

    private static function isList(mixed $value): bool
    {
        return is_array($value) && array_is_list($value);
    }

    /** @param list<mixed> $members */
    private static function contains(array $members, mixed $wanted): bool
    {
        foreach ($members as $member) {
            if ((is_int($member) ? (float) $member : $member) === $wanted) {
                return true;
            }
        }
        return false;
    }

    /**
     * @param list<mixed> $members
     * @param list<mixed> $wanted
     */
    private static function containsAll(array $members, array $wanted): bool
    {
        foreach ($wanted as $one) {
            if (!self::contains($members, $one)) {
                return false;
            }
        }
        return true;
    }

    /**
     * @param list<mixed> $members
     * @param list<mixed> $wanted
     */
    private static function containsAny(array $members, array $wanted): bool
    {
        foreach ($wanted as $one) {
            if (self::contains($members, $one)) {
                return true;
            }
        }
        return false;
    }
}
