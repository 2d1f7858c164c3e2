<?php

declare(strict_types=1);

namespace Allotment;

/** Work that no visitor waits for: after the answer where the server can do that, else at the end. */
final class AfterResponse
{
    /** Runs something when the request has ended, after what others wanted to run then. */
    public static function run(\Closure $work): void
    {
        register_shutdown_function(static function () use ($work): void {
            // Registered anew from within, so that it is the last: output of others still goes out.
            register_shutdown_function($work);
        });
    }

    /** Lets the visitor go: their answer ends here, and their next request need not wait for this one. */
    public static function letGo(): void
    {
        ignore_user_abort(true);
        if (session_status() === PHP_SESSION_ACTIVE) {
            session_write_close();
        }
        foreach (['fastcgi_finish_request', 'litespeed_finish_request'] as $function) {
            if (function_exists($function)) {
                $function();
                return;
            }
        }
    }
}
