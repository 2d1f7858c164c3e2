// What a script adds to pages that work without it: the reader's zone, a first machine name, Copy.
(function () {
  'use strict';

  var zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  var kept = document.cookie.split('; ').indexOf('tz=' + zone) !== -1;
  if (!kept) {
    document.cookie = 'tz=' + zone + '; path=/; max-age=31536000; samesite=lax';
  }

  // The machine name follows the name until somebody writes one.
  var name = document.getElementById('id_name');
  var machine = document.getElementById('id_machine_name');
  if (name && machine && !machine.readOnly && !machine.value) {
    var own = false;
    machine.addEventListener('input', function () { own = machine.value !== ''; });
    name.addEventListener('input', function () {
      if (!own) {
        machine.value = name.value.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase()
          .replace(/[^a-z0-9]+/g, '-').slice(0, 63).replace(/^-+|-+$/g, '');
      }
    });
  }

  if (!navigator.clipboard) {
    return;
  }
  document.querySelectorAll('.snippet').forEach(function (snippet) {
    var header = snippet.querySelector('header');
    var code = snippet.querySelector('pre');
    if (!header || !code) {
      return;
    }
    var button = document.createElement('button');
    button.type = 'button';
    button.className = 'btn slim';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', 'Copy ' + header.textContent.trim());
    button.addEventListener('click', function () {
      navigator.clipboard.writeText(code.textContent).then(function () {
        button.textContent = 'Copied';
        setTimeout(function () { button.textContent = 'Copy'; }, 2000);
      });
    });
    header.appendChild(button);
  });
}());
