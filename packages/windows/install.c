/* What the installer does besides copying files, as a library that Windows Installer calls as SYSTEM.

   Collect  reads the installer's properties (FOLDER, POOL ...) and hands them on to SetUp.
   SetUp    makes the folders of ProgramData with their rights, makes both services members of Performance Monitor
            Users, says how they are stopped and restarted, writes the settings (by the edge's own command `set`, which keeps
            those that are not given), and turns the SPOC on again where this machine is one.
   Await    waits until no host runs any more, so that its file can be removed.
   Clear    takes away what SetUp has made, when the package is removed.

   A failure ends the installation with a message in the installer's log and in the event log. Secrets are in no command line
   and in no log. Under Wine all of it runs; what rights and groups then allow is untested, since Wine has one user. */
#include <windows.h>

#include <msiquery.h>
#include <strsafe.h>
#include <wchar.h>

#include "folders.h"
#include "rights.h"

static const wchar_t *const NAMES[] = {L"FOLDER", L"CONTAINER", L"SAS",    L"TENANT", L"MASKINGKEY", L"POOL",
                                       L"SITE",   L"REGION",    L"SIZE", L"SERVICES"};

static const struct {
    const wchar_t *name, *rights;
} FOLDERS[] = {
    {L"", OURS READ(AGENT_SID) READ(SPOC_SID)},
    {L"settings", OURS READ(AGENT_SID) READ(SPOC_SID)},
    {L"state", OURS CHANGE(AGENT_SID) CHANGE(SPOC_SID)},
    {L"logs", OURS CHANGE(AGENT_SID) CHANGE(SPOC_SID)},
}, SECRETS[] = {
    {L"settings\\agent-masking.key", OURS READ(AGENT_SID)},
    {L"settings\\agent.sas", OURS READ(AGENT_SID)},
};

#define COUNT(array) (sizeof array / sizeof *array)

static UINT say(MSIHANDLE session, INSTALLMESSAGE kind, const wchar_t *format, ...) {
    wchar_t text[1024];
    va_list values;
    va_start(values, format);
    StringCchVPrintfW(text, COUNT(text), format, values); /* a longer text is cut */
    va_end(values);
    MSIHANDLE record = MsiCreateRecord(1);
    if (record) {
        MsiRecordSetStringW(record, 0, L"Spot PC: [1]");
        MsiRecordSetStringW(record, 1, text);
        MsiProcessMessage(session, kind, record);
        MsiCloseHandle(record);
    }
    return ERROR_INSTALL_FAILURE;
}

#define FAIL(...) say(session, INSTALLMESSAGE_ERROR, __VA_ARGS__)
#define NOTE(...) say(session, INSTALLMESSAGE_INFO, __VA_ARGS__)

/* Append a property to the lines that SetUp gets: NAME=VALUE. */
static UINT append(MSIHANDLE session, const wchar_t *name, wchar_t *lines) {
    wchar_t value[4096];
    DWORD length = COUNT(value);
    UINT got = MsiGetPropertyW(session, name, value, &length);
    if (got != ERROR_SUCCESS) return FAIL(L"the property %ls can't be read (%u); it may have %u characters", name, got, COUNT(value) - 1);
    for (const wchar_t *each = value; *each; each++)
        if (*each < L' ') return FAIL(L"the property %ls holds a line end or another control character", name);
    if (!*value) return ERROR_SUCCESS;
    HRESULT made = StringCchCatW(lines, LINE_SIZE, name);
    if (SUCCEEDED(made)) made = StringCchCatW(lines, LINE_SIZE, L"=");
    if (SUCCEEDED(made)) made = StringCchCatW(lines, LINE_SIZE, value);
    if (SUCCEEDED(made)) made = StringCchCatW(lines, LINE_SIZE, L"\n");
    SecureZeroMemory(value, sizeof value);
    return SUCCEEDED(made) ? ERROR_SUCCESS : FAIL(L"the properties are too long together");
}

__declspec(dllexport) UINT __stdcall Collect(MSIHANDLE session) {
    static wchar_t lines[LINE_SIZE];
    *lines = 0;
    UINT done = append(session, L"INSTALLDIR", lines);
    if (done == ERROR_SUCCESS && MsiSetPropertyW(session, L"Await", lines) != ERROR_SUCCESS) done = FAIL(L"the folder can't be handed on");
    for (size_t each = 0; each < COUNT(NAMES) && done == ERROR_SUCCESS; each++) done = append(session, NAMES[each], lines);
    if (done == ERROR_SUCCESS && MsiSetPropertyW(session, L"SetUp", lines) != ERROR_SUCCESS) done = FAIL(L"the properties can't be handed on");
    SecureZeroMemory(lines, sizeof lines);
    return done;
}

static UINT make_folders(MSIHANDLE session) {
    wchar_t path[PATH_SIZE];
    for (size_t each = 0; each < COUNT(FOLDERS); each++) {
        if (!data_folder(FOLDERS[each].name, FALSE, path)) return FAIL(L"Windows does not name its folder ProgramData");
        if (!CreateDirectoryW(path, NULL)) {
            if (GetLastError() != ERROR_ALREADY_EXISTS) return FAIL(L"%ls can't be made (error %lu)", path, GetLastError());
            /* Anybody may make a folder in ProgramData, and lay settings of his into it. */
            if (!is_ours(path)) return FAIL(L"%ls is there and does not belong to administrators: look who made it, and remove it", path);
        }
        DWORD why = protect(path, FOLDERS[each].rights);
        if (why != ERROR_SUCCESS) return FAIL(L"the rights of %ls can't be set (error %lu)", path, why);
    }
    return ERROR_SUCCESS;
}

/* The agent's secrets are readable for the agent alone. */
static UINT protect_secrets(MSIHANDLE session) {
    wchar_t path[PATH_SIZE];
    for (size_t each = 0; each < COUNT(SECRETS); each++) {
        if (!data_folder(SECRETS[each].name, FALSE, path) || GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES) continue;
        DWORD why = protect(path, SECRETS[each].rights);
        if (why != ERROR_SUCCESS) return FAIL(L"the rights of %ls can't be set (error %lu)", path, why);
    }
    return ERROR_SUCCESS;
}

/* Say how long a service may take at shutdown, and that Windows starts its host again if that should fail. `on`: start it
   now and with the machine. */
static DWORD configure(const wchar_t *name, wchar_t *about, BOOL on) {
    SC_ACTION again = {SC_ACTION_RESTART, 60000};
    SERVICE_FAILURE_ACTIONSW failure = {.dwResetPeriod = 86400, .cActions = 1, .lpsaActions = &again};
    SERVICE_PRESHUTDOWN_INFO shutdown = {30000}; /* the default is 10 s, and the host waits 20 s */
    SERVICE_DESCRIPTIONW text = {about};
    DWORD why = ERROR_SUCCESS;
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = manager ? OpenServiceW(manager, name, SERVICE_CHANGE_CONFIG | SERVICE_START) : NULL;
    if (!service || !ChangeServiceConfig2W(service, SERVICE_CONFIG_DESCRIPTION, &text) ||
        !ChangeServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS, &failure) ||
        !ChangeServiceConfig2W(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, &shutdown) ||
        (on && (!ChangeServiceConfigW(service, SERVICE_NO_CHANGE, SERVICE_AUTO_START, SERVICE_NO_CHANGE, NULL, NULL, NULL, NULL,
                                      NULL, NULL, NULL) ||
                !StartServiceW(service, 0, NULL))))
        why = GetLastError();
    if (service) CloseServiceHandle(service);
    if (manager) CloseServiceHandle(manager);
    return why;
}

/* Give the lines to the edge's own command, which writes the settings. Its words go to the installer's log. */
static UINT write_settings(MSIHANDLE session, const wchar_t *home, const wchar_t *lines) {
    static wchar_t command[LINE_SIZE];
    static char given[3 * LINE_SIZE];
    char said[900] = "", rest[256];
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    STARTUPINFOW how = {.cb = sizeof how, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    HANDLE to = NULL, from = NULL;
    DWORD done = 0, length = 0, code = 1;
    int count = WideCharToMultiByte(CP_UTF8, 0, lines, -1, given, sizeof given, NULL, NULL);
    if (count <= 0 || !hand_on_data_folder(FALSE) || !edge_command(home, L"set --no-start -", command) ||
        !CreatePipe(&how.hStdInput, &to, &inherited, sizeof given) || !SetHandleInformation(to, HANDLE_FLAG_INHERIT, 0) ||
        !CreatePipe(&from, &how.hStdOutput, &inherited, 0) || !SetHandleInformation(from, HANDLE_FLAG_INHERIT, 0))
        return FAIL(L"the settings can't be handed on (error %lu)", GetLastError());
    how.hStdError = how.hStdOutput;
    BOOL started = CreateProcessW(NULL, command, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, home, &how, &process);
    DWORD why = GetLastError();
    CloseHandle(how.hStdInput);
    CloseHandle(how.hStdOutput);
    if (started && !WriteFile(to, given, (DWORD)count - 1, &done, NULL)) NOTE(L"the settings' program reads nothing");
    CloseHandle(to);
    SecureZeroMemory(given, sizeof given);
    if (started) {
        while (length < sizeof said - 1 && ReadFile(from, said + length, sizeof said - 1 - length, &done, NULL) && done) length += done;
        while (ReadFile(from, rest, sizeof rest, &done, NULL) && done) continue; /* else it could not end */
        said[length] = 0;
        if (WaitForSingleObject(process.hProcess, INFINITE) != WAIT_OBJECT_0 || !GetExitCodeProcess(process.hProcess, &code)) code = 1;
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
    }
    CloseHandle(from);
    if (!started) return FAIL(L"its Python does not start (error %lu)", why);
    return code ? FAIL(L"the settings can't be written: %hs", said) : ERROR_SUCCESS;
}

/* The folder of the package that Collect has handed on, and the lines behind it. NULL: nothing came. */
static wchar_t *handed_on(MSIHANDLE session, wchar_t lines[LINE_SIZE], wchar_t **rest) {
    DWORD length = LINE_SIZE;
    if (MsiGetPropertyW(session, L"CustomActionData", lines, &length) != ERROR_SUCCESS) return NULL;
    wchar_t *home = wcschr(lines, L'='), *end = wcschr(lines, L'\n'); /* INSTALLDIR=...\ comes first */
    if (!home++ || !end || end <= home) return NULL;
    *end = 0;
    if (end[-1] == L'\\') end[-1] = 0;
    *rest = end + 1;
    return home;
}

__declspec(dllexport) UINT __stdcall SetUp(MSIHANDLE session) {
    static wchar_t lines[LINE_SIZE];
    wchar_t path[PATH_SIZE];
    DWORD why;
    wchar_t *rest, *home = handed_on(session, lines, &rest);
    if (!home) return FAIL(L"the properties do not come");
    if (make_folders(session) != ERROR_SUCCESS) return ERROR_INSTALL_FAILURE;
    if (*rest && write_settings(session, home, rest) != ERROR_SUCCESS) return ERROR_INSTALL_FAILURE;
    SecureZeroMemory(rest, wcslen(rest) * sizeof *rest);
    if (protect_secrets(session) != ERROR_SUCCESS) return ERROR_INSTALL_FAILURE;
    if ((why = in_monitor_users(TRUE)) != ERROR_SUCCESS)
        return FAIL(L"the services can't become members of Performance Monitor Users (error %lu)", why);
    BOOL joined = data_folder(L"settings\\spoc.toml", FALSE, path) && GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
    if ((why = configure(L"SpotPCAgent", L"Measures this VM and delivers its files to the SPOC.", FALSE)) != ERROR_SUCCESS ||
        (why = configure(L"SpotPCSpoc", L"Collects the VMs' files and sends them. spot-pc join turns it on.", joined)) != ERROR_SUCCESS)
        NOTE(L"a service can't be configured (error %lu): look at it with sc.exe qc", why);
    return ERROR_SUCCESS;
}

/* Remove a folder and what is in it, links without what they lead to. The path's buffer serves for all below it. */
static BOOL clear(wchar_t path[PATH_SIZE]) {
    WIN32_FIND_DATAW found;
    BOOL well = TRUE;
    size_t length = wcslen(path);
    if (FAILED(StringCchCatW(path, PATH_SIZE, L"\\*"))) return FALSE;
    HANDLE search = FindFirstFileW(path, &found);
    if (search != INVALID_HANDLE_VALUE) {
        do {
            if (!wcscmp(found.cFileName, L".") || !wcscmp(found.cFileName, L"..")) continue;
            path[length + 1] = 0;
            if (FAILED(StringCchCatW(path, PATH_SIZE, found.cFileName))) well = FALSE;
            else if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) well &= DeleteFileW(path);
            else if (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) well &= RemoveDirectoryW(path);
            else well &= clear(path);
        } while (FindNextFileW(search, &found));
        FindClose(search);
    }
    path[length] = 0;
    return RemoveDirectoryW(path) && well;
}

__declspec(dllexport) UINT __stdcall Await(MSIHANDLE session) {
    static wchar_t lines[LINE_SIZE];
    wchar_t path[PATH_SIZE], *rest, *home = handed_on(session, lines, &rest);
    if (!home || FAILED(StringCchPrintfW(path, PATH_SIZE, L"%ls\\spot-pc-service.exe", home))) return ERROR_SUCCESS;
    for (int left = 40; left; left--) { /* a service that has stopped still needs a moment to end */
        HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
        else if (GetLastError() == ERROR_SHARING_VIOLATION) { Sleep(250); continue; }
        break;
    }
    return ERROR_SUCCESS;
}

__declspec(dllexport) UINT __stdcall Clear(MSIHANDLE session) {
    wchar_t path[PATH_SIZE];
    DWORD why = in_monitor_users(FALSE);
    if (why != ERROR_SUCCESS) NOTE(L"the services are still members of Performance Monitor Users (error %lu)", why);
    if (data_folder(L"", FALSE, path) && GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES && !clear(path))
        NOTE(L"not all of %ls could be removed (error %lu)", path, GetLastError());
    return ERROR_SUCCESS;
}
