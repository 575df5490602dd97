<?php
// php -S 127.0.0.1:$PORT receiver.php
const REMEMBER = 'INSERT INTO ringback.inbox (message_id, sent_at) VALUES (?, to_timestamp(CAST(? AS double precision)))
    ON CONFLICT DO NOTHING';
const EFFECT = 'INSERT INTO execution_state (execution, code, message, tags) VALUES (?, ?, ?, ?)';

function isGenuine(string $body): bool
{
    $key = base64_decode(substr((string) getenv('RECEIVER_KEY'), strlen('whsec_')), true);
    if (strlen($key) < 24) throw new Exception('RECEIVER_KEY is no key'); // anybody could sign with an empty one
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $sentAt = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (!ctype_digit($sentAt) || abs(time() - (int) $sentAt) > 300) return false;
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$sentAt.$body", $key, true));
    foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given)
        if (hash_equals($wanted, $given)) return true;
    return false;
}

/** Every value of every name, in order: $_POST has only the last of `tags=a&tags=b`. */
function parse(string $body): array
{
    $form = [];
    foreach (explode('&', $body) as $field) {
        [$name, $value] = explode('=', $field, 2) + [1 => ''];
        $form[urldecode($name)][] = urldecode($value);
    }
    return $form;
}

function handle(array $form): void
{
    $db = new PDO('pgsql:', null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    $db->beginTransaction();
    $remember = $db->prepare(REMEMBER);
    $remember->execute([$_SERVER['HTTP_WEBHOOK_ID'], $_SERVER['HTTP_WEBHOOK_TIMESTAMP']]);
    if ($remember->rowCount() > 0) { // 0: a duplicate
        $message = $form['message'][0] ?? null; // may be left out
        $tags = implode(',', $form['tags'] ?? []);
        $db->prepare(EFFECT)->execute([$form['flowExecutionId'][0], $form['code'][0], $message, $tags]);
    }
    $db->commit();
}

// A warning, of a field that is missing, must not become a 200.
set_error_handler(fn($level, $text) => throw new ErrorException($text));
try {
    $body = file_get_contents('php://input');
    if (isGenuine($body)) {
        handle(parse($body));
        http_response_code(204);
    } else {
        http_response_code(401);
    }
} catch (Throwable $error) {
    error_log($error->getMessage());
    http_response_code(500); // tried again
}
