Feature: Transcriptions
  Somebody wants to see what was heard before it is asked. A recording is written down word by word, counts like a
  question, and stays nowhere.

  @stores
  Scenario Outline: What is said in <recording> is written down word by word
    Given Anna has the recording "<recording>"
    When Anna has the recording written down
    Then Anna was heard to say "<said>"
    And Anna is charged 1 question
    And nothing is left of the recordings of Anna

    Examples:
      | recording      | said                                                 |
      | router-01.wav  | How many wireless devices can connect to the router? |
      | coffee-07.mp4  | How much milk goes into a latte macchiato?           |
      | coffee-11.mp3  | How many seconds should an espresso take?            |
      | router-04.webm | How many Gbit/s does the WAN port reach?             |
      | ebike-04.flac  | How fast does walk assistance push the bicycle?      |

  @stores
  Scenario Outline: A recording that is <odd> is not written down, is free, and stays nowhere
    Given Anna has a recording that is "<odd>"
    When Anna has the recording written down
    Then Anna is refused because "<reason>"
    And Anna is charged 0 questions
    And nothing is left of the recordings of Anna

    Examples:
      | odd                | reason                                 |
      | silent             | nothing was said                       |
      | empty              | the recording is empty                 |
      | noise of no format | the recording is not what it is called |
      | broken             | the recording cannot be read           |
      | of three channels  | the recording cannot be read           |

  @stores
  Scenario: Recordings are written down up to exactly four megabytes
    Then recordings of Anna are taken up to exactly 4194304 bytes

  @stores
  Scenario: Recordings are written down from exactly half a second on
    Then recordings of Anna are taken from exactly 500 milliseconds on

  @stores
  Scenario: The type of a recording may be written in any case
    Given Anna has the recording "router-01.wav"
    Then the recording of Anna is taken however its type is written

  @stores
  Scenario: Speech that is too long for a question is written down all the same
    Given Anna has a recording that says 1500 characters
    When Anna has the recording written down
    Then Anna was understood
    And Anna is charged 1 question

  Scenario: A transcription is counted as one, and not as a question
    Given Anna has the recording "router-01.wav"
    When Anna has the recording written down
    Then Anna sees 1 transcription under today's date
    And Anna sees 1 question used today and 1 this month
    When Anna asks with the recording
    Then Anna sees 1 transcription under today's date
    And Anna sees 1 question under today's date
    And Anna sees 2 questions used today and 2 this month

  Scenario Outline: Listening for <long> milliseconds is paid as <seconds> seconds
    Given Anna has a recording of <long> milliseconds
    When Anna has the recording written down
    Then the answer to Anna is charged for <seconds> seconds of listening
    And the cost of the answer to Anna adds up from its parts

    Examples:
      | long  | seconds |
      | 500   | 15      |
      | 15000 | 15      |
      | 15001 | 16      |
      | 60000 | 60      |

  Scenario: Listening is paid for in a spoken question too
    Given Anna has the recording "router-01.wav"
    When Anna asks with the recording
    Then the answer to Anna is charged for 15 seconds of listening
    And the cost of the answer to Anna adds up from its parts

  Scenario: What one person says is not told to another
    Given Anna has a recording that says "My code is 4711"
    And Bert has a recording that says "How do I reset it?"
    When Anna has the recording written down
    And Bert has the recording written down
    Then Anna was heard to say "My code is 4711"
    And Bert was heard to say "How do I reset it?"
