<?php
const INSERT = 'INSERT INTO outbox.callback (url, form, ordering_key) VALUES (?, ?, ?)';
$url = getenv('CALLBACK_URL');
$db = new PDO('pgsql:'); // PGHOST, PGUSER and so on say where
$db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);

function fail(PDO $db, string $url, int $execution, string $message): void
{
    $db->prepare("UPDATE flow_execution SET status = 'error' WHERE id = ?")->execute([$execution]);
    $form = ['code' => 3, 'flowExecutionId' => $execution, 'message' => $message, 'tags' => ['a', 'b']];
    $db->prepare(INSERT)->execute([$url, json_encode($form, JSON_THROW_ON_ERROR), "execution $execution"]);
}

$db->beginTransaction();
fail($db, $url, 9007199254740993, '失败 💥');
$db->commit();

$db->beginTransaction();
fail($db, $url, 9007199254740994, 'never sent');
$db->rollBack(); // nothing is sent

$db->beginTransaction(); // many at once
$insert = $db->prepare(INSERT);
for ($n = 0; $n < 1000; $n++) {
    $form = ['code' => 2, 'flowExecutionId' => 9007199254740993 + $n];
    $insert->execute([$url, json_encode($form, JSON_THROW_ON_ERROR), null]);
}
$db->commit();
