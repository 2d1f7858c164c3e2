<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/**
 * The law of allocation: who is enrolled, and in which group. Whole numbers only, of 64 bits.
 *
 * Every language follows `docs/reference/allocation.md` and reads the same `vectors/`:
 *
 * 1. `subject_hash = sha256(utf8(subject) + utf8(experiment))`, as 64 lower-case hex digits;
 * 2. `h` is its first 24 bits;
 * 3. with integer weights `w` and `W = sum(w)`: `p = h * W`, `slot = p >> 24`, `r = p & 0xFFFFFF`;
 * 4. enrolled if `r < ceil(rate * 2^24)`;
 * 5. the group is the first whose cumulative weight exceeds `slot`.
 *
 * Texts are taken as the bytes of their UTF-8: a lone surrogate, which other languages know and count
 * as U+FFFD, cannot stand in one.
 */
final class Law
{
    public const HASH_BITS = 24;
    public const HASH_SPAN = 1 << 24;
    /** Keeps `h * W` under 2^53, so that languages whose only number is a double stay exact. */
    public const MAX_TOTAL_WEIGHT = 1 << 20;
    private const HASH_DIGITS = 6;

    /** The subject's pseudonym in one experiment: 64 hex digits. */
    public static function subjectHash(string $subject, string $experiment): string
    {
        return hash('sha256', $subject . $experiment);
    }

    /**
     * The subject's pseudonym under a secret: HMAC-SHA-256 (RFC 2104) of `experiment:subject`.
     *
     * 64 hex digits, as of `subjectHash`, but who lacks the key cannot compute them from a list of
     * subjects. Nobody is drawn by it: groups are the same with any key and without one.
     */
    public static function keyedSubjectId(
        #[\SensitiveParameter] string $key,
        string $subject,
        string $experiment,
    ): string {
        return hash_hmac('sha256', "$experiment:$subject", $key);
    }

    /**
     * `ceil(rate * 2^24)`: how many of the 2^24 remainders take part.
     *
     * The product is exact, because the factor is a power of two.
     *
     * @throws \InvalidArgumentException the rate is not a number from 0 to 1
     */
    public static function threshold(float $rate): int
    {
        if (!($rate >= 0.0 && $rate <= 1.0)) {
            throw new \InvalidArgumentException("the rate is $rate; it must be a number from 0 to 1");
        }
        return (int) ceil($rate * self::HASH_SPAN);
    }

    /** A hash's first 24 bits. */
    public static function head(string $hash): int
    {
        return (int) hexdec(substr($hash, 0, self::HASH_DIGITS));
    }

    /**
     * A subject's slot in a layer, 0 … 2^24-1: the same for all experiments of the layer.
     *
     * No experiment is called like a layer here, so that the draw of neither tells of the other.
     */
    public static function layerSlot(string $subject, string $layer): int
    {
        return self::head(self::subjectHash($subject, 'layer:' . $layer));
    }

    /** A subject's slot in a holdout, 0 … 2^24-1: its first 24 bits in the experiment of that name. */
    public static function holdoutSlot(string $subject, string $holdout): int
    {
        return self::head(self::subjectHash($subject, $holdout));
    }

    /**
     * Index of the first group whose cumulative weight exceeds the slot.
     *
     * @param list<int> $weights
     * @throws \OutOfRangeException the slot is not below the sum of the weights
     */
    public static function groupIndex(int $slot, array $weights): int
    {
        $cumulative = 0;
        foreach ($weights as $index => $weight) {
            $cumulative += $weight;
            if ($cumulative > $slot) {
                return $index;
            }
        }
        throw new \OutOfRangeException("slot $slot is not below the sum of the weights, $cumulative");
    }

    /**
     * Whether an instrument's sampling unit is in its sample.
     *
     * The first 32 bits of the unit's id over `2^32 - 1` must be below the rate, so that a unit in a
     * 1% sample is also in every larger one. An id that does not begin with eight hex digits is out.
     * Rate 1 takes everybody, whatever the id. A rate that is no number from 0 to 1 takes nobody.
     */
    public static function inSample(string $unitId, float $rate): bool
    {
        if (!($rate > 0.0 && $rate < 1.0)) {
            return $rate === 1.0;
        }
        if (preg_match('/^[0-9a-fA-F]{8}/', $unitId) !== 1) {
            return false;
        }
        return hexdec(substr($unitId, 0, 8)) / 0xFFFFFFFF < $rate;
    }
}
