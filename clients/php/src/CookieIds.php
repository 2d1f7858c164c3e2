<?php

declare(strict_types=1);

namespace Allotment;

/**
 * The two anonymous ids of a request, and the `Set-Cookie` values that make new ones last.
 *
 * Ids are random: 128 bits name a browser for a year, 80 bits a session until the browser closes.
 * Scripts cannot read the first; the browser client shares the second, so that events of one session
 * have one id wherever they are made.
 */
final class CookieIds
{
    public const BROWSER_COOKIE = 'allotment-browser';
    public const SESSION_COOKIE = 'allotment-session';
    private const YEAR_SECONDS = 365 * 24 * 60 * 60;

    /** @param list<string> $setCookies */
    private function __construct(
        public readonly string $browserId,
        public readonly string $sessionId,
        public readonly array $setCookies,
    ) {
    }

    /**
     * Reads the ids; makes new ones for what is missing or damaged.
     *
     * @param array<array-key, mixed> $cookies a request's, such as `$_COOKIE`
     * @param bool $secure whether the request came over https
     */
    public static function of(array $cookies, bool $secure): self
    {
        $browser = $cookies[self::BROWSER_COOKIE] ?? null;
        $session = $cookies[self::SESSION_COOKIE] ?? null;
        $rest = '; Path=/; SameSite=Lax' . ($secure ? '; Secure' : '');
        $new = [];
        if (!is_string($browser) || preg_match('/^[0-9a-f]{32}$/D', $browser) !== 1) {
            $browser = bin2hex(random_bytes(16));
            $new[] = self::BROWSER_COOKIE . "=$browser; Max-Age=" . self::YEAR_SECONDS . "; HttpOnly$rest";
        }
        if (!is_string($session) || preg_match('/^[0-9a-f]{20}$/D', $session) !== 1) {
            $session = bin2hex(random_bytes(10));
            $new[] = self::SESSION_COOKIE . "=$session$rest";
        }
        return new self($browser, $session, $new);
    }
}
