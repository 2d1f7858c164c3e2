<?php

declare(strict_types=1);

namespace Allotment\Delivery;

/**
 * What became of this process's events so far: `offered` = `accepted` + `rejected` + dropped + `pending`.
 *
 * `dropped` has reasons: `queue_full`, `too_large`, `not_json`, `unreachable`.
 */
final class DeliveryCounts
{
    /** @param array<string, int> $dropped */
    public function __construct(
        public readonly int $offered,
        public readonly int $accepted,
        public readonly int $rejected,
        public readonly array $dropped,
        public readonly int $pending,
        public readonly string $lastProblem,
    ) {
    }

    /** Events in requests that the intake has decided on. */
    public function sent(): int
    {
        return $this->accepted + $this->rejected;
    }

    /** @return array<string, mixed> */
    public function toArray(): array
    {
        return [
            'sent' => $this->sent(),
            'accepted' => $this->accepted,
            'rejected' => $this->rejected,
            'dropped' => $this->dropped,
            'pending' => $this->pending,
            'last_problem' => $this->lastProblem,
        ];
    }
}
