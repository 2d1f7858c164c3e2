<?php

declare(strict_types=1);

// For sites without Composer: finds this library's classes, and no others.
spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Allotment\\') && !str_starts_with($class, 'Allotment\\Tests\\')) {
        $path = __DIR__ . '/src/' . strtr(substr($class, strlen('Allotment\\')), '\\', '/') . '.php';
        if (is_file($path)) {
            require $path;
        }
    }
});
