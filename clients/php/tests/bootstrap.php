<?php

declare(strict_types=1);

// Without Composer: the library's own loader, this folder, and what the system's include path has of
// the PSR interfaces and of programs that implement them.
require __DIR__ . '/../autoload.php';

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Allotment\\Tests\\')) {
        require __DIR__ . '/' . strtr(substr($class, strlen('Allotment\\Tests\\')), '\\', '/') . '.php';
    }
});

foreach (['Psr/Log', 'Psr/Cache', 'GuzzleHttp', 'Symfony/Component/Cache'] as $package) {
    require_once "$package/autoload.php";
}
