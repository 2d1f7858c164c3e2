<?php

declare(strict_types=1);

// A server whose answers a test sets, byte for byte: `php raw_server.php <file of requests> <answers>`.
// `answers` is a JSON list, one entry a connection, the last one for all further; an entry is a list of
// texts and of pauses in milliseconds. Prints its port. Ends when its standard input does.

[, $log, $script] = $argv;
$answers = json_decode($script, true, 8, JSON_THROW_ON_ERROR);
$server = stream_socket_server('tcp://127.0.0.1:0');
echo substr((string) stream_socket_get_name($server, false), strlen('127.0.0.1:')), "\n";
stream_set_blocking(STDIN, false);
for ($turn = 0; true; $turn++) {
    do {
        $ready = [$server, STDIN];
        $none = null;
        stream_select($ready, $none, $none, null);
        if (in_array(STDIN, $ready, true)) {
            exit;
        }
    } while (!in_array($server, $ready, true));
    $connection = stream_socket_accept($server);
    $request = '';
    do {
        $piece = (string) fread($connection, 65536);
        $request .= $piece;
        $length = preg_match('/content-length: (\d+)/i', $request, $found) === 1 ? (int) $found[1] : 0;
        $end = strpos($request, "\r\n\r\n");
    } while ($piece !== '' && ($end === false || strlen($request) < $end + 4 + $length));
    file_put_contents($log, json_encode(base64_encode($request)) . "\n", FILE_APPEND);
    foreach ($answers[min($turn, count($answers) - 1)] as $piece) {
        is_int($piece) ? usleep($piece * 1000) : @fwrite($connection, $piece);
    }
    fclose($connection);
}
