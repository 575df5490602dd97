<?php
// An empty array is [], which is no form; lastInsertId asks the sequence, which a producer may not.
$db = new PDO('pgsql:');
$db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);

function refused(string $with, callable $work): void
{
    try {
        $work();
    } catch (PDOException $error) {
        if (str_contains($error->getMessage(), $with)) return;
        throw $error;
    }
    throw new Exception("taken: $with");
}

$written = $db->prepare('SELECT ?::outbox.form::text');
$written->execute([json_encode((object) [])]);
if ($written->fetchColumn() !== '{}') throw new Exception('(object) [] is not {}');
refused('form is of type array, not an object', fn() => $written->execute([json_encode([])]));

$insert = $db->prepare('INSERT INTO outbox.callback (url, due_at) VALUES (?, ?) RETURNING id');
$db->beginTransaction();
$insert->execute(['https://receiver.test/', null]);
if (!($insert->fetchColumn() > 0)) throw new Exception('RETURNING id');
refused('permission denied for sequence', fn() => $db->lastInsertId());
$db->rollBack();

parse_str('tags=a&tags=b&a.b=1&t[]=2', $form); // as $_POST is made
if ($form !== ['tags' => 'b', 'a_b' => '1', 't' => ['2']]) throw new Exception(json_encode($form));
