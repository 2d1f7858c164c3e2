<?php

declare(strict_types=1);

namespace Allotment;

use Allotment\Allocation\Overrides;

/** The visitor of the request that PHP serves right now, for sites without a framework. */
final class WebRequest
{
    /**
     * Reads cookies, `?mpo=` and, if it may be trusted, the edge's header; sends the headers that a
     * personal page needs. Call it before the page's first output.
     *
     * @param string|int|null $userId the account's id, null for a reader who is not logged in
     * @param array<array-key, mixed> $context contextual attributes
     * @param bool $trustEdge whether `X-Experiment-Enrollments` comes from your edge alone
     */
    public static function visitor(
        Client $client,
        string|int|null $userId = null,
        array $context = [],
        bool $trustEdge = false,
    ): Visitor {
        $secure = !in_array(strtolower((string) ($_SERVER['HTTPS'] ?? '')), ['', 'off'], true);
        $ids = CookieIds::of($_COOKIE, $secure);
        $edge = (string) ($_SERVER['HTTP_X_EXPERIMENT_ENROLLMENTS'] ?? '');
        if (!headers_sent()) {
            foreach ($ids->setCookies as $cookie) {
                header("Set-Cookie: $cookie", false);
            }
            self::makePersonal();
        }
        return $client->visitor(
            $userId,
            $ids->browserId,
            $ids->sessionId,
            Overrides::inQuery($_GET),
            $context,
            $trustEdge ? EdgeEnrollments::parse($edge) : [],
        );
    }

    /** No shared cache may keep the page, unless the site has said so already, or more. */
    private static function makePersonal(): void
    {
        $sent = strtolower(implode("\n", headers_list()));
        if (preg_match('/^cache-control:.*\b(?:private|no-store)\b/m', $sent) !== 1) {
            header('Cache-Control: private');
        }
        if (preg_match('/^vary:.*(?:\bcookie\b|\*)/m', $sent) !== 1) {
            header('Vary: Cookie', false);
        }
    }
}
