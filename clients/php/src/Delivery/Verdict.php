<?php

declare(strict_types=1);

namespace Allotment\Delivery;

use Allotment\Http\Answer;

/** What an answer of the intake says of a batch. */
final class Verdict
{
    private const ACCEPTED = [200, 201, 202, 204];
    private const RETRIED = [408, 429, 502, 503, 504];
    private const LONGEST_REASON = 300;

    private function __construct(
        public readonly bool $decided,
        public readonly int $rejected,
        public readonly string $problem,
    ) {
    }

    /** @param int $count how many events the batch has */
    public static function of(Answer $answer, int $count): self
    {
        if (in_array($answer->status, self::ACCEPTED, true)) {
            return new self(true, 0, '');
        }
        $found = json_decode($answer->body, true);
        $found = is_array($found) ? $found : [];
        $lists = array_filter([$found['invalid'] ?? null, $found['error'] ?? null], 'is_array');
        $named = isset($found['invalid']) || isset($found['error']);
        $problem = "status $answer->status: " . self::reason($found);
        if (in_array($answer->status, self::RETRIED, true) || ($answer->status >= 500 && !$named)) {
            return new self(false, 0, $problem);
        }
        $refused = array_sum(array_map('count', $lists));
        return new self(true, $answer->status === 207 && $named ? min($count, $refused) : $count, $problem);
    }

    /**
     * Why the first refused event was refused; never the event itself, which may name a person.
     *
     * @param array<array-key, mixed> $found
     */
    private static function reason(array $found): string
    {
        $context = $found['invalid'][0]['context'] ?? $found['error'][0]['context'] ?? [];
        $text = $context['errorsText'] ?? $context['message'] ?? $found['detail'] ?? null;
        return is_string($text) && $text !== ''
            ? substr($text, 0, self::LONGEST_REASON)
            : 'the answer gives no reason';
    }
}
