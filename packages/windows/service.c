/* The service host: runs the agent or the SPOC as a Windows service, which Python's programs are not themselves.

   spot-pc-service.exe NAME, with the service's name, runs one command of the edge with the package's Python. Its output
   goes to a log of bounded size (log.c), starts, ends and stops to Windows' event log too. If the program ends, it is
   started again, with growing pauses. When Windows stops the service or shuts down, the program gets Ctrl-C, so that it
   can deliver what it has; what is left of it after 20 seconds is ended. It never outlives the host: both are in one job.

   The order at shutdown, and the event log as people see it, are untested: Wine has neither. */
#include <windows.h>

#include <stdio.h>
#include <strsafe.h>
#include <wchar.h>

#include "folders.h"
#include "log.h"
#include "messages.h"

#define FIRST_PAUSE 1000 /* milliseconds, as all times here */
#define LONGEST_PAUSE (5 * 60 * 1000)
#define STEADY (10 * 60 * 1000) /* a program that ran so long is started again at once */
#define TO_END (20 * 1000)
#define STEP 500
#define LOOK_EVERY 5000 /* for settings */

static const struct kind {
    const wchar_t *service, *command;
} KINDS[] = {{L"SpotPCAgent", L"agent"}, {L"SpotPCSpoc", L"spoc"}};

static const struct kind *kind;
static SERVICE_STATUS_HANDLE manager;
static SERVICE_STATUS status = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS};
static CRITICAL_SECTION telling;
static HANDLE stop, events;

/* Say it in the event log, and in the log. */
static void say(WORD type, DWORD id, const wchar_t *format, ...) {
    wchar_t text[512];
    char bytes[sizeof text / sizeof *text * 3 + 16];
    va_list values;
    va_start(values, format);
    StringCchVPrintfW(text, sizeof text / sizeof *text, format, values); /* a longer text is cut */
    va_end(values);
    const wchar_t *texts[] = {text};
    if (events) ReportEventW(events, type, 0, id, NULL, 1, 0, texts, NULL);
    int count = WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof bytes - 1, NULL, NULL);
    if (count > 0) {
        bytes[count - 1] = '\n'; /* in the place of its end */
        log_write(bytes, (DWORD)count);
    }
}

static void tell(DWORD state, DWORD hint) {
    EnterCriticalSection(&telling);
    if (status.dwCurrentState != SERVICE_STOPPED) {
        status.dwCheckPoint = state == SERVICE_STOP_PENDING ? status.dwCheckPoint + 1 : 0;
        status.dwCurrentState = state;
        status.dwWaitHint = hint;
        status.dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN : 0;
        SetServiceStatus(manager, &status);
    }
    LeaveCriticalSection(&telling);
}

static DWORD WINAPI control(DWORD code, DWORD type, void *data, void *context) {
    (void)type, (void)data, (void)context;
    if (code == SERVICE_CONTROL_INTERROGATE) return NO_ERROR;
    if (code != SERVICE_CONTROL_STOP && code != SERVICE_CONTROL_PRESHUTDOWN) return ERROR_CALL_NOT_IMPLEMENTED;
    tell(SERVICE_STOP_PENDING, TO_END + 5000);
    SetEvent(stop);
    return NO_ERROR;
}

/* Copy a program's output to the log, until all that could write has ended. */
static DWORD WINAPI copy(void *pipe) {
    char bytes[4096];
    DWORD count;
    BOOL told = FALSE;
    while (ReadFile(pipe, bytes, sizeof bytes, &count, NULL) && count) {
        if (!log_write(bytes, count) && !told) {
            told = TRUE;
            say(EVENTLOG_WARNING_TYPE, SAID_TROUBLE, L"%ls: its log can't be written (error %lu)", kind->service, GetLastError());
        }
    }
    CloseHandle(pipe);
    return 0;
}

/* Send Ctrl-C to all programs on the program's console, which no one sees; wait for its end, and tell Windows that we wait.
   (Ctrl-C, since Wine sends nothing else. It can't be sent to a group of processes alone, so that we join the console.) */
static void let_end(const PROCESS_INFORMATION *program) {
    if (AttachConsole(program->dwProcessId)) {
        SetConsoleCtrlHandler(NULL, TRUE); /* we are not meant */
        if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0))
            say(EVENTLOG_WARNING_TYPE, SAID_TROUBLE, L"%ls can't be asked to end (error %lu)", kind->service, GetLastError());
        FreeConsole();
    } else {
        say(EVENTLOG_WARNING_TYPE, SAID_TROUBLE, L"%ls has no console (error %lu)", kind->service, GetLastError());
    }
    for (DWORD waited = 0; waited < TO_END; waited += STEP) {
        if (WaitForSingleObject(program->hProcess, STEP) != WAIT_TIMEOUT) return;
        tell(SERVICE_STOP_PENDING, 6 * STEP);
    }
    say(EVENTLOG_WARNING_TYPE, SAID_TROUBLE, L"%ls did not end within %d seconds, and is ended", kind->service, TO_END / 1000);
}

/* Start the program in a job of its own, with the pipe as its output. */
static BOOL start(HANDLE job, HANDLE input, HANDLE output, PROCESS_INFORMATION *program) {
    static wchar_t home[PATH_SIZE], line[LINE_SIZE];
    if (!program_folder(NULL, home) || !edge_command(home, kind->command, line)) return FALSE;
    STARTUPINFOW how = {.cb = sizeof how, .dwFlags = STARTF_USESTDHANDLES};
    how.hStdInput = input;
    how.hStdOutput = how.hStdError = output;
    DWORD flags = CREATE_SUSPENDED | CREATE_NO_WINDOW;
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, flags, NULL, home, &how, program)) return FALSE;
    if (AssignProcessToJobObject(job, program->hProcess) && ResumeThread(program->hThread) != (DWORD)-1) return TRUE;
    DWORD why = GetLastError();
    TerminateProcess(program->hProcess, 1);
    CloseHandle(program->hThread);
    CloseHandle(program->hProcess);
    SetLastError(why);
    return FALSE;
}

/* Run the program until it ends or the service is stopped. Return its code; 1 where it could not be started. */
static DWORD run_once(void) {
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
    HANDLE job = CreateJobObjectW(NULL, NULL), ours = NULL, its = NULL, copying = NULL;
    HANDLE nothing = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, OPEN_EXISTING, 0, NULL);
    PROCESS_INFORMATION program;
    DWORD code = 1;
    BOOL started = job && SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits) &&
                   nothing != INVALID_HANDLE_VALUE && CreatePipe(&ours, &its, &inherited, 0) &&
                   SetHandleInformation(ours, HANDLE_FLAG_INHERIT, 0) && start(job, nothing, its, &program);
    DWORD why = GetLastError();
    if (its) CloseHandle(its); /* or the pipe would never end */
    if (nothing != INVALID_HANDLE_VALUE) CloseHandle(nothing);
    if (started) {
        copying = CreateThread(NULL, 0, copy, ours, 0, NULL);
        if (copying) ours = NULL; /* which closes it */
        HANDLE either[] = {stop, program.hProcess};
        if (WaitForMultipleObjects(2, either, FALSE, INFINITE) == WAIT_OBJECT_0) let_end(&program);
        TerminateJobObject(job, 1); /* and what it may have started */
        WaitForSingleObject(program.hProcess, STEP);
        if (!GetExitCodeProcess(program.hProcess, &code)) code = 1;
        CloseHandle(program.hThread);
        CloseHandle(program.hProcess);
    } else {
        say(EVENTLOG_ERROR_TYPE, SAID_TROUBLE, L"%ls: its program can't be started (error %lu)", kind->service, why);
    }
    if (copying) {
        WaitForSingleObject(copying, 10 * STEP);
        CloseHandle(copying);
    }
    if (ours) CloseHandle(ours);
    if (job) CloseHandle(job);
    return code;
}

/* Wait until the command has settings: a machine may be the SPOC alone, or get its settings later. FALSE: stopped. */
static BOOL have_settings(void) {
    static wchar_t path[PATH_SIZE];
    if (!data_folder(L"settings\\", TRUE, path) || FAILED(StringCchCatW(path, PATH_SIZE, kind->command)) ||
        FAILED(StringCchCatW(path, PATH_SIZE, L".toml")))
        return TRUE; /* the program says what is wrong */
    for (BOOL told = FALSE; GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES; told = TRUE) {
        if (!told) say(EVENTLOG_INFORMATION_TYPE, SAID_STARTED, L"%ls waits for its settings, %ls", kind->service, path);
        if (WaitForSingleObject(stop, LOOK_EVERY) == WAIT_OBJECT_0) return FALSE;
    }
    return TRUE;
}

static void WINAPI run(DWORD count, LPWSTR *arguments) {
    (void)count, (void)arguments;
    manager = RegisterServiceCtrlHandlerExW(kind->service, control, NULL);
    if (!manager) return;
    tell(SERVICE_RUNNING, 0);
    say(EVENTLOG_INFORMATION_TYPE, SAID_STARTED, L"%ls has started", kind->service);
    for (DWORD pause = FIRST_PAUSE; have_settings(); pause = min(2 * pause, LONGEST_PAUSE)) {
        ULONGLONG since = GetTickCount64();
        DWORD code = run_once();
        if (WaitForSingleObject(stop, 0) == WAIT_OBJECT_0) break;
        if (GetTickCount64() - since >= STEADY) pause = FIRST_PAUSE;
        say(EVENTLOG_WARNING_TYPE, SAID_ENDED, L"%ls: its program ended with code %lu, and is started again in %lu s",
            kind->service, code, pause / 1000);
        if (WaitForSingleObject(stop, pause) == WAIT_OBJECT_0) break;
    }
    say(EVENTLOG_INFORMATION_TYPE, SAID_STOPPED, L"%ls has stopped", kind->service);
    tell(SERVICE_STOPPED, 0);
}

int wmain(int count, wchar_t **arguments) {
    static wchar_t path[PATH_SIZE];
    for (size_t each = 0; each < sizeof KINDS / sizeof *KINDS; each++)
        if (count == 2 && !wcscmp(arguments[1], KINDS[each].service)) kind = &KINDS[each];
    if (!kind) {
        fputs("Windows starts this program as a service; use spot-pc.\n", stderr);
        return 2;
    }
    SetConsoleCtrlHandler(NULL, FALSE); /* or the program could inherit that Ctrl-C is ignored */
    InitializeCriticalSection(&telling);
    stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    events = RegisterEventSourceW(NULL, kind->service);
    if (!stop || !hand_on_data_folder(TRUE) || !data_folder(L"logs\\", TRUE, path) || FAILED(StringCchCatW(path, PATH_SIZE, kind->command)) ||
        FAILED(StringCchCatW(path, PATH_SIZE, L".log")) || !log_to(path))
        return 1;
    SERVICE_TABLE_ENTRYW table[] = {{(wchar_t *)kind->service, run}, {NULL, NULL}};
    return !StartServiceCtrlDispatcherW(table);
}
