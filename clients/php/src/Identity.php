<?php

declare(strict_types=1);

namespace Allotment;

use Allotment\Allocation\IdentifierType;

/**
 * Who a visitor is, as far as the site knows. Every id is optional; an empty one is none.
 *
 * `userId` names an account, `browserId` a browser (the anonymous first-party cookie), `sessionId`
 * (20 lower-case hex digits) a session of that browser.
 */
final class Identity
{
    public readonly ?string $userId;
    public readonly ?string $browserId;
    public readonly ?string $sessionId;

    public function __construct(?string $userId = null, ?string $browserId = null, ?string $sessionId = null)
    {
        // The account `0` is one, though PHP calls it empty.
        $this->userId = $userId === '' ? null : $userId;
        $this->browserId = $browserId === '' ? null : $browserId;
        $this->sessionId = $sessionId === '' ? null : $sessionId;
    }

    /** The id that experiments of a type randomize; null: there is none. */
    public function ofType(string $identifierType): ?string
    {
        return match ($identifierType) {
            IdentifierType::USER => $this->userId,
            IdentifierType::BROWSER => $this->browserId,
            IdentifierType::SESSION => $this->sessionId,
            default => null,
        };
    }
}
